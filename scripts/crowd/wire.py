"""Frames of the native door, encoded by hand: bad neighbours send what no protobuf library would."""

import struct

PREFACE = b"TRPC\x01\0\0\0"

PING = "tailrace.v1.AdminService/Ping"
PRODUCE = "tailrace.v1.LogService/Produce"
FETCH = "tailrace.v1.LogService/Fetch"
CREATE_TOPIC = "tailrace.v1.AdminService/CreateTopic"
LIST_TOPICS = "tailrace.v1.AdminService/ListTopics"
DESCRIBE_CLUSTER = "tailrace.v1.AdminService/DescribeCluster"


def varint(value: int) -> bytes:
    """A number as protobuf has it, seven bits a byte."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """A field of type varint."""
    return varint(field << 3) + varint(value)


def data(field: int, value: bytes | str) -> bytes:
    """A field with a length: bytes, a string, or a message."""
    if isinstance(value, str):
        value = value.encode()
    return varint(field << 3 | 2) + varint(len(value)) + value


def fixed32(field: int, value: int) -> bytes:
    return varint(field << 3 | 5) + struct.pack("<I", value)


def frame(header: bytes, message: bytes = b"") -> bytes:
    """A frame around any header and message."""
    return struct.pack(">IH", 2 + len(header) + len(message), len(header)) + header + message


def call(call_id: int, method: str, message: bytes = b"") -> bytes:
    """A frame that makes a call; `call_id` is 1 or more."""
    return frame(number(1, call_id) + data(2, method), message)


def cancel(call_id: int) -> bytes:
    """A frame that cancels a call."""
    return frame(number(1, call_id) + number(5, 1))


def calls(count: int, method: str, message: bytes = b"") -> bytes:
    """Frames of `count` calls, numbered from 1."""
    return b"".join(call(call_id, method, message) for call_id in range(1, count + 1))


def fetch_target(topic: str, partition: int = 0, offset: int = 0) -> bytes:
    return data(1, data(1, topic) + number(3, partition) + number(4, offset))


def fetch(targets: bytes, max_bytes: int = 0, min_bytes: int = 0, wait_ms: int = 0, decode: bool = False) -> bytes:
    """A FetchRequest."""
    return targets + number(2, min_bytes) + number(3, max_bytes) + number(4, wait_ms) + number(5, int(decode))


def produce_target(topic: str, partition: int, parts: bytes) -> bytes:
    """A target of a ProduceRequest; `parts`: its records or batches."""
    return data(2, data(1, topic) + number(3, partition) + parts)


def produce(topic: str, partition: int, parts: bytes) -> bytes:
    """A ProduceRequest with one target, to be acknowledged once it is written."""
    return number(1, 2) + produce_target(topic, partition, parts)


def record(value: bytes) -> bytes:
    """A plain record of a target."""
    return data(4, data(2, value))


def batch(records: bytes, count: int, codec: int = 0, checksum: int = 0) -> bytes:
    """A record batch of a target. `codec`: 0 none, 1 gzip. `checksum`: CRC-32C of `records`."""
    head = fixed32(1, 1) + fixed32(3, count) + fixed32(4, count - 1) + fixed32(9, codec)
    return data(5, head + fixed32(14, len(records)) + fixed32(15, checksum) + data(17, records))


def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


def crc32c(content: bytes) -> int:
    """CRC-32C, slowly."""
    table, crc = _table(), 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
