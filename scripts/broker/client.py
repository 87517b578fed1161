"""A connection to a broker, and the requests that benchmarks send. The smallest whole client is example_client.py."""

import socket
import struct
import time
from typing import Iterable, Iterator, Optional

from broker import wire
from server_process import LOOPBACK

PREFACE = b"TRPC\x01\0\0\0"
TIMEOUT_SECONDS = 60
RETRY_SECONDS = 0.0005

PRODUCE, FETCH, LIST_OFFSETS = "LogService/Produce", "LogService/Fetch", "LogService/ListOffsets"
ACKS_WRITTEN = 2
LATEST, AT_TIME = 2, 3


class BrokerError(Exception):
    """A call that the broker refused, or the part of one."""


class Connection:
    """One connection. Not thread-safe."""

    def __init__(self, port: int, deadline: Optional[float] = None) -> None:
        """Connects to a port of the loopback interface. `deadline`: by time.monotonic(); until then it is tried again
        where nobody listens. Throws OSError and BrokerError."""
        while True:
            try:
                self.socket = socket.create_connection((LOOPBACK, port), timeout=TIMEOUT_SECONDS)
                break
            except ConnectionRefusedError:
                if deadline is None or time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb", buffering=1 << 16)
        self.calls = 0
        self.socket.sendall(PREFACE)
        if self.stream.read(8)[:5] != PREFACE[:5]:
            raise BrokerError("no broker that speaks version 1")

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self.socket.close()

    def send(self, method: str, message: bytes) -> None:
        """Sends a request; calls are numbered from 1."""
        self.calls += 1
        self.socket.sendall(wire.frame(self.calls, method, message))

    def receive(self) -> bytes:
        """The next response's message. Throws BrokerError, wire.Malformed and OSError."""
        length, header_length = struct.unpack(">IH", self.read(6))
        if header_length + 2 > length:
            raise wire.Malformed(f"a frame of {length} bytes has a header of {header_length}")
        found = wire.answer(self.read(header_length), self.read(length - 2 - header_length))
        if found.error is not None:
            raise BrokerError(found.error)
        return found.message

    def read(self, count: int) -> bytes:
        """Exactly so many bytes."""
        found = self.stream.read(count)
        if len(found) != count:
            raise BrokerError("the broker closed the connection")
        return found

    def call(self, method: str, message: bytes) -> bytes:
        """Sends a request and waits for its response."""
        self.send(method, message)
        return self.receive()

    def pipeline(self, method: str, messages: Iterable[bytes], depth: int) -> Iterator[bytes]:
        """Sends all requests, `depth` of them in flight; yields the responses as they come."""
        in_flight = 0
        for message in messages:
            if in_flight == depth:
                yield self.receive()
                in_flight -= 1
            self.send(method, message)
            in_flight += 1
        for _ in range(in_flight):
            yield self.receive()

    def create_topic(self, name: str, partitions: int) -> bytes:
        """Makes a topic whose durability is the system's choice; returns its id."""
        config = wire.data(1, "durability") + wire.data(2, "os")
        request = wire.data(1, name) + wire.number(2, partitions) + wire.data(3, config)
        topic = dict(wire.fields(self.call("AdminService/CreateTopic", request)))[1]
        return dict(wire.fields(topic))[2]

    def end_offsets(self, topic: str, partitions: Iterable[int]) -> list[int]:
        """Where partitions end, 10,000 at most."""
        queries = [offset_query(topic, partition, LATEST) for partition in partitions]
        return [offset_found(result) for _, result in wire.fields(self.call(LIST_OFFSETS, b"".join(queries)))]


def produce(topic: str, partition: int, *, record: Optional[bytes] = None, batch: Optional[bytes] = None) -> bytes:
    """A ProduceRequest with a plain record, of that value, or an encoded RecordBatch, acknowledged once written."""
    target = wire.data(1, topic) + wire.number(3, partition)
    target += wire.data(4, wire.data(2, record)) if batch is None else wire.data(5, batch)
    return wire.number(1, ACKS_WRITTEN) + wire.data(2, target)


def fetch(topic: str, offset: int, max_bytes: int) -> bytes:
    """A FetchRequest of partition 0 that is answered at once."""
    target = wire.data(1, topic) + wire.number(4, offset)
    return wire.data(1, target) + wire.number(3, max_bytes)


def offset_query(topic: str, partition: int, position: int, timestamp_ms: int = 0) -> bytes:
    """A ListOffsetsRequest with one query, to which others may be appended."""
    return wire.data(1, wire.data(1, topic) + wire.number(3, partition) + wire.number(4, position)
                     + wire.number(5, timestamp_ms))


def offset_found(result: bytes) -> int:
    """Of an OffsetResult. Throws BrokerError."""
    found = dict(wire.fields(result))
    check_error(found.get(1))
    return found.get(2, 0)


def fetched_batches(response: bytes) -> list[bytes]:
    """The batches of a FetchResponse with one partition. Throws BrokerError."""
    (_, partition), = wire.fields(memoryview(response))
    found = list(wire.fields(partition))
    check_error(dict(found).get(4))
    return [batch for field, batch in found if field == 15]


def check_produced(response: bytes) -> None:
    """Throws BrokerError where a part of a ProduceResponse says that it failed."""
    for _, result in wire.fields(response):
        for field, part in wire.fields(result):
            if field == 1:
                check_error(part)
            else:
                check_error(dict(wire.fields(part)).get(4 if field == 2 else 3))


def check_error(error: Optional[bytes]) -> None:
    """Throws BrokerError for a PartitionError; None is none."""
    if error is not None:
        found = dict(wire.fields(error))
        raise BrokerError(bytes(found.get(2, b"")).decode("utf-8", "replace") or f"error {found.get(1)}")
