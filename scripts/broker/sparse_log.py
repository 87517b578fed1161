"""A log that is as long as it says and takes little room: all is there but zeros, which are holes in its files.

Every MiB is a batch of one record of 1,000 bytes, which look-ups aim at, and one whose value is zeros for the rest of
it. Lengths, offsets, times and all checksums are right, segments are 1 GiB as by default, with index files: any reader
takes it for a log that was produced. Of 1 MiB 4 KiB are on disk. What it lacks is the size of a dense index: there is
an entry for each MiB, where a log of small batches has one for each 4 KiB.
"""

import os
import pathlib
import struct
from typing import Iterator, NamedTuple

from broker import batch, wire

STRIDE_BYTES = 1 << 20
STRIDES_PER_SEGMENT = 1024
VALUE_BYTES = 1000


class SparseLog(NamedTuple):
    """What is in the log: two records for each MiB, whose times are a millisecond apart."""

    strides: int
    # Of the first record, milliseconds since 1970.
    start_ms: int

    def offset(self, stride: int) -> int:
        """Of the small record in a MiB."""
        return 2 * stride

    def time_ms(self, stride: int) -> int:
        """Of the same."""
        return self.start_ms + self.offset(stride)

    @property
    def last_time_ms(self) -> int:
        """Of the last record of all."""
        return self.time_ms(self.strides) - 1


def zeros_prefix(length: int) -> bytes:
    """What stands before the zeros in a RecordSet with one record of zeros. `length`: of the whole, bytes."""
    size = 0
    while True:
        record = wire.varint(2 << 3 | wire.BYTES) + wire.varint(size)
        prefix = wire.varint(1 << 3 | wire.BYTES) + wire.varint(len(record) + size) + record
        missing = length - len(prefix) - size
        if missing == 0:
            return prefix
        size += missing


def write(log: SparseLog, directory: pathlib.Path, topic_id: bytes) -> None:
    """Puts the log in the place of an empty partition 0. `directory`: the broker's data, with no broker over it. Throws
    OSError, also where files cannot have holes."""
    (partition,) = directory.glob(f"topics/*@{topic_id.hex()}/0")
    for path in partition.iterdir():
        path.unlink()
    # A stop in order would vouch for the empty log. Without it a start goes by the partition's own state.
    (directory / "clean-shutdown").unlink(missing_ok=True)
    values = [bytes(VALUE_BYTES)]
    small_checksum = batch.crc32c(batch.record_set(values))
    length = STRIDE_BYTES - len(batch.encode(values, checksum=small_checksum)) - batch.HEADER_BYTES
    prefix = zeros_prefix(length)
    large_checksum = batch.crc32c(prefix + bytes(length - len(prefix)))

    def stride(number: int) -> bytes:
        offset, time_ms = log.offset(number), log.time_ms(number)
        small = batch.encode(values, offset, time_ms, small_checksum)
        return small + batch.header(1, length, large_checksum, offset + 1, time_ms + 1) + prefix

    for first in range(0, log.strides, STRIDES_PER_SEGMENT):
        count = min(STRIDES_PER_SEGMENT, log.strides - first)
        with open(partition / f"{log.offset(first):020}.log", "wb") as segment:
            for number in range(count):
                segment.seek(number * STRIDE_BYTES)
                segment.write(stride(first + number))
            segment.truncate(count * STRIDE_BYTES)
            if os.fstat(segment.fileno()).st_blocks * 512 > count * STRIDE_BYTES // 2:
                raise OSError(f"there are no sparse files in {directory}")
        for suffix, content in indexes(log, first, count, STRIDE_BYTES - length - batch.HEADER_BYTES, large_checksum):
            (partition / f"{log.offset(first):020}{suffix}").write_bytes(content)
    (partition / "state").write_bytes(state(log, topic_id))


def indexes(log: SparseLog, first: int, count: int, large_at: int, checksum: int) -> Iterator[tuple[str, bytes]]:
    """Suffixes and contents of a segment's index files; the byte table is at SegmentIndexFile in
    Sources/TailraceStorage. `first`, `count`: MiBs; `large_at`: where the large batch begins in each; `checksum`: of
    its records."""
    base = log.offset(first)
    places = b"".join(struct.pack("<II", log.offset(number), number * STRIDE_BYTES) for number in range(count))
    earlier = [-1 << 63] + [log.time_ms(first + number) - 1 for number in range(1, count)]
    times = struct.pack(f"<{count}q", *earlier)
    last_ms = log.time_ms(first + count) - 1
    for suffix, magic, entries in [(".index", b"TRIX", places), (".timeindex", b"TRTX", times)]:
        head = struct.pack(
            "<4sIqqqqqIIII", magic, 1, base, count * STRIDE_BYTES, last_ms, log.time_ms(first), last_ms,
            (count - 1) * STRIDE_BYTES + large_at, checksum, count, batch.crc32c(entries))
        yield suffix, head + struct.pack("<I", batch.crc32c(head)) + entries


def state(log: SparseLog, topic_id: bytes) -> bytes:
    """A PartitionState which says that all of the log was on disk."""
    last = (log.strides - 1) // STRIDES_PER_SEGMENT * STRIDES_PER_SEGMENT
    content = wire.data(1, topic_id) + wire.number(4, log.offset(log.strides))
    content += wire.number(7, log.offset(last)) + wire.number(8, (log.strides - last) * STRIDE_BYTES)
    content += wire.number(9, log.last_time_ms)
    return content + struct.pack("<BI", 0x7D, batch.crc32c(content))
