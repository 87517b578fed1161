"""What a client does itself, whatever the door: hash, checksum, compression, record batches."""

import gzip
import zlib

import lz4.frame
import zstandard
from tailrace.v1 import record_pb2 as record

NONE, GZIP, LZ4, ZSTD = CODECS = range(4)
MAX_BATCH_BYTES = 64 << 20
# Of all records that are sent here, so that every run and every language sends the same.
BASE_MS = 1_700_000_000_000


def crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC_TABLE = crc_table()


def crc32c(content):
    """CRC-32C (Castagnoli)."""
    checksum = 0xFFFFFFFF
    for byte in content:
        checksum = checksum >> 8 ^ CRC_TABLE[(checksum ^ byte) & 0xFF]
    return checksum ^ 0xFFFFFFFF


def murmur2(key):
    """Murmur2 with the seed and the finish of Kafka's Java client."""
    mixer, mask = 0x5BD1E995, 0xFFFFFFFF
    found, whole = 0x9747B28C ^ len(key), len(key) & ~3
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at : at + 4], "little") * mixer & mask
        found = found * mixer & mask ^ ((word ^ word >> 24) * mixer & mask)
    if whole < len(key):
        found = (found ^ int.from_bytes(key[whole:], "little")) * mixer & mask
    found = (found ^ found >> 13) * mixer & mask
    return found ^ found >> 15


def partition_of(key, partition_count):
    """Where a record with this key goes; an empty key is a key."""
    return (murmur2(key) & 0x7FFFFFFF) % partition_count


def compress(codec, content):
    if codec == GZIP:
        return gzip.compress(content, mtime=0)
    if codec == LZ4:
        return lz4.frame.compress(content)
    return zstandard.ZstdCompressor().compress(content) if codec == ZSTD else content


def decompress(codec, content):
    """What came from elsewhere: bounded, so that a small batch cannot fill the memory. Throws what the codec throws."""
    if codec == NONE:
        return content
    if codec == ZSTD:
        # Its frames may leave their length out, so they are read as streams, to one byte past the bound.
        plain = zstandard.ZstdDecompressor().stream_reader(content).read(MAX_BATCH_BYTES + 1)
        is_whole = len(plain) <= MAX_BATCH_BYTES
    else:
        stream = zlib.decompressobj(wbits=31) if codec == GZIP else lz4.frame.LZ4FrameDecompressor()
        plain = stream.decompress(content, MAX_BATCH_BYTES)
        is_whole = stream.eof
    if not is_whole:
        raise ValueError(f"a batch that is cut short, or of over {MAX_BATCH_BYTES} bytes")
    return plain


def encode_batch(records, codec):
    """A RecordBatch of Records, as a producer without an id sends it."""
    content = compress(codec, record.RecordSet(records=records).SerializeToString())
    return record.RecordBatch(
        format_version=1, record_count=len(records), last_offset_delta=len(records) - 1, base_timestamp_ms=BASE_MS,
        max_timestamp_ms=BASE_MS + max(each.timestamp_delta_ms for each in records), attributes=codec,
        records_crc32c=crc32c(content), records=content)


def decode_batch(batch):
    """The records of a fetched batch, as pairs of offset and Record. Throws ValueError for what is damaged."""
    if crc32c(batch.records) != batch.records_crc32c:
        raise ValueError(f"the batch at offset {batch.base_offset} is damaged")
    codec = batch.attributes & 7
    if codec not in CODECS or batch.attributes & ~0xF:
        raise ValueError(f"the batch at offset {batch.base_offset} needs a newer client")
    offset, pairs = batch.base_offset - 1, []
    for each in record.RecordSet.FromString(decompress(codec, batch.records)).records:
        offset = batch.base_offset + each.offset_delta if each.HasField("offset_delta") else offset + 1
        pairs.append((offset, each))
    if len(pairs) != batch.record_count or offset > batch.base_offset + batch.last_offset_delta:
        raise ValueError(f"the batch at offset {batch.base_offset} does not hold what its header says")
    return pairs


def sample_records():
    """The records of the golden files: all that may be absent, empty, negative or long."""
    headers = [record.Header(key="source", value=b"interop"), record.Header(key="empty", value=b""),
               record.Header(key="absent")]
    return [
        record.Record(key=b"user-1", value=b"hello", headers=headers),
        record.Record(value=b"no key"),
        record.Record(key=b"", value=b"", timestamp_delta_ms=-5),
        record.Record(key=b"gone", timestamp_delta_ms=300),
        record.Record(key="schlüssel".encode(), value=bytes(range(256))),
        record.Record(key=b"long", value=b"tailrace " * 100, offset_delta=5),
    ]
