"""A connection to a broker for calls. The smallest whole client is example_client.py."""

import struct
import time
from typing import Iterable, Iterator, Optional

from broker import requests, wire
from broker.responses import BrokerError, ConnectionLost, offset_found
from broker.sockets import greet

RETRY_SECONDS = 0.0005
BUFFER_BYTES = 1 << 16


class Connection:
    """One connection. Not thread-safe."""

    def __init__(self, port: int, deadline: Optional[float] = None) -> None:
        """Connects to a port of the loopback interface. `deadline`: by time.monotonic(); until then it is tried again
        where nobody listens. Throws OSError."""
        while True:
            try:
                self.socket = greet(port)
                break
            except ConnectionRefusedError:
                if deadline is None or time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_SECONDS)
        self.stream = self.socket.makefile("rb", buffering=BUFFER_BYTES)
        self.calls = 0

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self.socket.close()

    def send(self, method: str, message: bytes) -> None:
        """Sends a request; calls are numbered from 1."""
        self.calls += 1
        self.socket.sendall(wire.call(self.calls, method, message))

    def receive(self) -> bytes:
        """The next response's message. Throws BrokerError, wire.Malformed and OSError."""
        length, header_length = struct.unpack(">IH", self.read(6))
        if header_length + 2 > length:
            raise wire.Malformed(f"a frame of {length} bytes has a header of {header_length}")
        found = wire.answer(self.read(header_length), self.read(length - 2 - header_length))
        if found.error is not None:
            raise BrokerError(found.error, found.code)
        return found.message

    def read(self, count: int) -> bytes:
        """Exactly so many bytes."""
        found = self.stream.read(count)
        if len(found) != count:
            raise ConnectionLost("the broker closed the connection")
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
        response = self.call(requests.CREATE_TOPIC, requests.create_topic(name, partitions))
        return dict(wire.fields(dict(wire.fields(response))[1]))[2]

    def end_offsets(self, topic: str, partitions: Iterable[int]) -> list[int]:
        """Where partitions end, 10,000 at most."""
        queries = [requests.offset_query(topic, partition, requests.LATEST) for partition in partitions]
        response = self.call(requests.LIST_OFFSETS, b"".join(queries))
        return [offset_found(result) for _, result in wire.fields(response)]
