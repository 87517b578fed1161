"""Just enough of Tailrace's protocol to encode requests once, and to see in an answer whether all went well."""

import struct
from typing import Iterator

PREFACE = b"TRPC\x01\0\0\0"
# Call ids from here on are two bytes, up to 2^14 - 1.
FIRST_CALL = 128
ACKS_WRITTEN = 2


def varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(encoded + bytes([value]))


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def fixed32(field: int, value: int) -> bytes:
    return varint(field << 3 | 5) + struct.pack("<I", value)


def fixed64(field: int, value: int) -> bytes:
    return varint(field << 3 | 1) + struct.pack("<Q", value)


def text(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field; an integer where it is one. Raises where it is no protobuf message."""
    at = 0

    def take() -> int:
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at, value, shift = at + 1, value | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = take()
        kind = tag & 7
        if kind == 0:
            yield tag >> 3, take()
            continue
        length = {1: 8, 5: 4}.get(kind) or take()
        value = message[at:at + length]
        if len(value) < length:
            raise ValueError("a field ends behind its message")
        at += length
        yield tag >> 3, value if kind == 2 else int.from_bytes(value, "little")


def fetch(topic: bytes, offset: int, max_bytes: int) -> bytes:
    """A FetchRequest of partition 0 that is answered at once."""
    return text(1, text(1, topic) + number(4, offset)) + number(2, 1) + number(3, max_bytes)


def frame(call: int, method: str, message: bytes) -> bytes:
    header = number(1, call) + text(2, b"tailrace.v1." + method.encode())
    return struct.pack(">IH", 2 + len(header) + len(message), len(header)) + header + message


def crc32c_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC32C = crc32c_table()


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC32C[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def batch(records: int, value_bytes: int, timestamp_ms: int) -> bytes:
    """A RecordBatch of records without keys, as a client sends it."""
    encoded = text(1, text(2, b"v" * value_bytes)) * records
    return (fixed32(1, 1) + fixed32(3, records) + fixed32(4, records - 1) + fixed64(6, timestamp_ms)
            + fixed64(7, timestamp_ms) + fixed32(14, len(encoded)) + fixed32(15, crc32c(encoded)) + text(17, encoded))


def produce(topic: bytes, one_batch: bytes) -> bytes:
    """A ProduceRequest of one batch into partition 0, answered when it is in the page cache."""
    return number(1, ACKS_WRITTEN) + text(2, text(1, topic) + number(3, 0) + text(5, one_batch))


def create_topic(topic: bytes) -> bytes:
    """A CreateTopicRequest: one partition, not fsynced."""
    return text(1, topic) + text(3, text(1, b"durability") + text(2, b"os"))


def status_message(status: bytes) -> str:
    """Of a Status or a PartitionError."""
    return dict(fields(status)).get(2, b"without a message").decode(errors="replace")


def check_produced(message: bytes) -> None:
    """Raises where a ProduceResponse does not say that one batch was stored."""
    result = dict(fields(dict(fields(message))[1]))
    error = result.get(1) or dict(fields(result[2])).get(4)
    if error:
        raise ValueError(status_message(error))


def fetched_batches(message: bytes) -> int:
    """How many batches a FetchResponse for one partition has. Raises where that failed."""
    partition = list(fields(dict(fields(message))[1]))
    for field, value in partition:
        if field == 4:
            raise ValueError(status_message(value))
    return sum(field == 15 for field, _ in partition)
