"""Record batches as they stand in a segment file; the byte table is at RecordBatchHeader in Sources/TailraceWire."""

import struct
from typing import Iterable, Optional

from broker import wire

HEADER_BYTES = 118
# Tags of fixed fields, in number order, each followed by its value.
HEADER = struct.Struct("<B5s BIBqBIBIBIBqBqBqBIBqBIBIBqBIBI")
CASTAGNOLI = 0x82F63B78


def crc_table() -> list[int]:
    """Of CRC-32C, by byte."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (CASTAGNOLI if value & 1 else 0)
        table.append(value)
    return table


CRC_TABLE = crc_table()


def crc32c(content: bytes) -> int:
    """CRC-32C. A tenth of a second for each MiB: meant for what is encoded once."""
    checksum = 0xFFFFFFFF
    for byte in content:
        checksum = checksum >> 8 ^ CRC_TABLE[(checksum ^ byte) & 0xFF]
    return checksum ^ 0xFFFFFFFF


def padded_varint(value: int) -> bytes:
    """A number below 2^35 in five bytes."""
    return bytes([value >> shift & 0x7F | 0x80 for shift in (0, 7, 14, 21)] + [value >> 28])


def record_set(values: Iterable[bytes]) -> bytes:
    """A RecordSet of records without keys, whose times are their batch's."""
    return b"".join(wire.data(1, wire.data(2, value)) for value in values)


def header(count: int, length: int, checksum: int, offset: int = 0, time_ms: int = 0, codec: int = 0) -> bytes:
    """What stands before a batch's `records`. `count`: records; `length` and `checksum`: bytes and CRC-32C of their
    RecordSet; `time_ms`: of all of them and of the append, since 1970; `codec`: 0 none, 1 gzip."""
    content = HEADER.pack(
        0x7A, padded_varint(HEADER_BYTES - 6 + length), 0x0D, 1, 0x11, offset, 0x1D, count, 0x25, count - 1, 0x2D, 0,
        0x31, time_ms, 0x39, time_ms, 0x41, time_ms, 0x4D, codec, 0x51, 0, 0x5D, 0, 0x65, 0, 0x69, 0, 0x75, length,
        0x7D, checksum,
    )
    return content + struct.pack("<HI", 0x0185, crc32c(content)) + b"\x8a\x01" + padded_varint(length)


def encode(values: list[bytes], offset: int = 0, time_ms: int = 0, checksum: Optional[int] = None) -> bytes:
    """A batch, from the Segment's tag on. `checksum`: of its records, where it is known."""
    records = record_set(values)
    known = crc32c(records) if checksum is None else checksum
    return header(len(values), len(records), known, offset, time_ms) + records


def message(batch: bytes) -> bytes:
    """The RecordBatch of a batch, without the tag and the length that stand before it in a file."""
    return batch[6:]
