"""Checks that this client's bytes are those of proto/testdata. Usage: golden.py DIRECTORY [--write]"""

import pathlib
import struct
import sys

import records
from tailrace.v1 import admin_service_pb2 as admin, error_pb2 as error, frame_pb2 as frame
from tailrace.v1 import log_service_pb2 as log, record_pb2 as record

CLIENT_PREFACE, SERVER_PREFACE = b"TRPC\1\0\0\0", b"TRPC\1\1\1\0"
CODEC_NAMES = ["none", "gzip", "lz4", "zstd"]
# The first six are in the tests of Kafka's own client.
KEYS = [
    b"21", b"foobar", b"a-little-bit-long-string", b"a-little-bit-longer-string",
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", b"abc", b"", b"\0", b"\xff", b"123456789", b"12345678",
    "schlüssel".encode(), b"\xff" * 7, bytes(range(256)),
]
# Tags of a stored batch's fixed fields, each followed by its value; the byte table is in README.md there.
HEADER = struct.Struct("<B5s BIBqBIBIBIBqBqBqBIBqBIBIBqBIBI")


def encode_frame(header, message):
    header, message = header.SerializeToString(), message.SerializeToString()
    return struct.pack(">IH", 2 + len(header) + len(message), len(header)) + header + message


def padded_varint(value):
    return bytes([value >> shift & 0x7F | 0x80 for shift in (0, 7, 14, 21)] + [value >> 28])


def stored_batch(codec):
    """As it stands in a segment file: every field, with fixed width."""
    content = records.encode_batch(records.sample_records(), codec).records
    header = HEADER.pack(
        0x7A, padded_varint(112 + len(content)), 0x0D, 1, 0x11, 42, 0x1D, 6, 0x25, 5, 0x2D, 3, 0x31, records.BASE_MS,
        0x39, records.BASE_MS + 300, 0x41, records.BASE_MS + 1000, 0x4D, codec, 0x51, 4711, 0x5D, 2, 0x65, 100, 0x69,
        40, 0x75, len(content), 0x7D, records.crc32c(content))
    checksum = struct.pack("<HI", 0x185, records.crc32c(header))
    return header + checksum + b"\x8a\1" + padded_varint(len(content)) + content


def produce_request():
    header = frame.RequestHeader(call_id=7, method="tailrace.v1.LogService/Produce", timeout_ms=1500,
                                 metadata=[frame.Metadata(key="trace", value="abc")])
    batch = records.encode_batch(records.sample_records(), records.NONE)
    target = log.ProduceTarget(topic="golden", partition=1, batches=[batch])
    return encode_frame(header, log.ProduceRequest(acks=log.ACKS_DURABLE, targets=[target]))


def produce_response():
    stored = log.BatchResult(base_offset=42, append_timestamp_ms=records.BASE_MS + 1000)
    answer = log.ProduceResponse(results=[log.ProduceResult(batches=[stored])])
    return encode_frame(frame.ResponseHeader(call_id=7, end_of_stream=True), answer)


def error_response():
    limits = admin.Limits(max_frame_bytes=16 << 20).SerializeToString()
    status = frame.Status(code=6, message="topic 'golden' exists", error=error.ERROR_CODE_TOPIC_EXISTS,
                          details=[frame.StatusDetail(type="tailrace.v1.Limits", value=limits)])
    header = frame.ResponseHeader(call_id=8, status=status, end_of_stream=True)
    return encode_frame(header, admin.CreateTopicResponse())


def hashes():
    lines = [f"{key.hex() or '-'} {records.crc32c(key):08x} {records.murmur2(key):08x} {records.partition_of(key, 7)}"
             for key in KEYS]
    return ("\n".join(lines) + "\n").encode()


def exact_files():
    """What every client encodes to the same bytes."""
    record_set = record.RecordSet(records=records.sample_records()).SerializeToString()
    return {
        "hashes.txt": hashes(), "client_preface.bin": CLIENT_PREFACE, "server_preface.bin": SERVER_PREFACE,
        "record_set.bin": record_set, "batch_none.bin": stored_batch(records.NONE),
        "request.frame": produce_request(), "response.frame": produce_response(), "error.frame": error_response(),
    }


def check(directory):
    """Throws AssertionError, naming the file."""
    for name, content in exact_files().items():
        assert (directory / name).read_bytes() == content, name
    for codec, name in enumerate(CODEC_NAMES):
        # Compressors differ from release to release; what they give back does not.
        content = (directory / f"batch_{name}.bin").read_bytes()
        batch = record.Segment.FromString(content).batches[0]
        assert batch.header_crc32c == records.crc32c(content[:105]), name
        assert batch.attributes == codec and batch.producer_id == 4711 and batch.base_sequence == 100, name
        pairs = list(zip(range(42, 48), records.sample_records()))
        assert records.decode_batch(batch) == pairs, name


def write(directory):
    files = exact_files()
    files |= {f"batch_{name}.bin": stored_batch(codec) for codec, name in enumerate(CODEC_NAMES)}
    for name, content in files.items():
        (directory / name).write_bytes(content)


if __name__ == "__main__":
    if sys.argv[2:] == ["--write"]:
        write(pathlib.Path(sys.argv[1]))
    check(pathlib.Path(sys.argv[1]))
