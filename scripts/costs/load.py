"""Requests that are encoded once and sent in exact numbers, and what their answers have to be."""

import dataclasses
import itertools
import socket
import struct
import time
from typing import Callable

from . import wire

RECORD_BYTES = 100
# As many as fit into a batch of 64 KiB, and batches of those into an answer of 1 MiB.
RECORDS_OF_64_KIB, BATCHES_OF_1_MIB = 620, 16
# What fetches find.
SMALL_BATCHES, LARGE_BATCHES = 200, 2 * BATCHES_OF_1_MIB


@dataclasses.dataclass(frozen=True)
class Load:
    name: str
    method: str
    message: bytes
    # In a request or its answer.
    records: int
    # Requests that are sent in one go, before their answers are awaited.
    depth: int
    # How often that is done, to measure.
    rounds: int
    # Raises ValueError where an answer is not the one that is expected.
    check: Callable[[bytes], None]

    @property
    def requests(self) -> int:
        return self.depth * self.rounds


def check_pong(message: bytes) -> None:
    if message:
        raise ValueError(f"{len(message)} bytes in answer to none")


def expect_batches(count: int) -> Callable[[bytes], None]:
    def check(message: bytes) -> None:
        if (found := wire.fetched_batches(message)) != count:
            raise ValueError(f"{found} batches; {count} were expected")
    return check


def loads() -> list[Load]:
    """All there are. They are about the topics that `prepare` makes."""
    now = int(time.time() * 1000)
    small, large = (wire.batch(records, RECORD_BYTES, now) for records in (1, RECORDS_OF_64_KIB))
    ping = ("AdminService/Ping", b"", 0)
    produce_1 = ("LogService/Produce", wire.produce(b"produced", small), 1)
    produce_64k = ("LogService/Produce", wire.produce(b"produced", large), RECORDS_OF_64_KIB)
    fetch_1 = ("LogService/Fetch", wire.fetch(b"small", SMALL_BATCHES // 2, 1), 1)
    fetch_1m = ("LogService/Fetch", wire.fetch(b"large", 0, 1 << 20), BATCHES_OF_1_MIB * RECORDS_OF_64_KIB)
    one, many = expect_batches(1), expect_batches(BATCHES_OF_1_MIB)
    return [
        Load("ping", *ping, 64, 30, check_pong),
        Load("ping-alone", *ping, 1, 200, check_pong),
        Load("produce-1", *produce_1, 64, 30, wire.check_produced),
        Load("produce-1-alone", *produce_1, 1, 200, wire.check_produced),
        Load("produce-64k", *produce_64k, 8, 20, wire.check_produced),
        Load("produce-64k-alone", *produce_64k, 1, 100, wire.check_produced),
        Load("fetch-1", *fetch_1, 64, 30, one),
        Load("fetch-1-alone", *fetch_1, 1, 200, one),
        Load("fetch-1m", *fetch_1m, 4, 5, many),
        Load("fetch-1m-alone", *fetch_1m, 1, 20, many),
    ]


class Connection:
    """To a broker; blocking, for one thread."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._socket.makefile("rb", 1 << 20)
        self._socket.sendall(wire.PREFACE)
        if self._take(8)[:5] != wire.PREFACE[:5]:
            raise ConnectionError("no Tailrace broker that speaks version 1")

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._socket.close()

    def _take(self, count: int) -> bytes:
        taken = self._stream.read(count)
        if len(taken) < count:
            raise ConnectionError("the broker closed the connection")
        return taken

    def _answer(self) -> bytes:
        """The message of the next answer. Raises ValueError where the call failed."""
        length, header_length = struct.unpack(">IH", self._take(6))
        header = dict(wire.fields(self._take(header_length)))
        message = self._take(length - 2 - header_length)
        if 2 in header:
            raise ValueError(wire.status_message(header[2]))
        return message

    def call(self, method: str, message: bytes) -> bytes:
        self._socket.sendall(wire.frame(wire.FIRST_CALL, method, message))
        return self._answer()

    def run(self, load: Load, times: int = 1) -> None:
        """Sends `times * load.requests` requests, and returns once all are answered."""
        frames = b"".join(wire.frame(wire.FIRST_CALL + i, load.method, load.message) for i in range(load.depth))
        for _ in range(times * load.rounds):
            self._socket.sendall(frames)
            for _ in range(load.depth):
                try:
                    load.check(self._answer())
                except (ValueError, LookupError) as error:
                    raise ValueError(f"{load.name}: {load.method} was answered with: {error!r}") from error

    def prepare(self) -> None:
        """Makes the topics that the loads are about."""
        now = int(time.time() * 1000)
        for topic in (b"produced", b"small", b"large"):
            self.call("AdminService/CreateTopic", wire.create_topic(topic))
        small = wire.produce(b"small", wire.batch(1, RECORD_BYTES, now))
        large = wire.produce(b"large", wire.batch(RECORDS_OF_64_KIB, RECORD_BYTES, now))
        for message in itertools.chain([small] * SMALL_BATCHES, [large] * LARGE_BATCHES):
            wire.check_produced(self.call("LogService/Produce", message))
