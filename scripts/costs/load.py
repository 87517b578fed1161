"""Requests that are encoded once and sent in exact numbers, and what their answers have to be."""

import dataclasses
import itertools
import time
from typing import Callable

from broker import batch, requests, wire
from broker.client import Connection
from broker.process import Failure
from broker.responses import BrokerError, check_produced, fetched_batches

# Call ids from here on are two bytes, up to 2^14 - 1.
FIRST_CALL = 128
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
    # Throws BrokerError where an answer is not the one that is expected.
    check: Callable[[bytes], None]

    @property
    def requests(self) -> int:
        return self.depth * self.rounds


def check_pong(message: bytes) -> None:
    if message:
        raise BrokerError(f"{len(message)} bytes in answer to none")


def expect_batches(count: int) -> Callable[[bytes], None]:
    def check(message: bytes) -> None:
        if (found := len(fetched_batches(message))) != count:
            raise BrokerError(f"{found} batches; {count} were expected")
    return check


def a_batch(records: int) -> bytes:
    """A RecordBatch of so many equal records, as a part of a request."""
    encoded = batch.encode([b"v" * RECORD_BYTES] * records, time_ms=int(time.time() * 1000))
    return requests.batch(batch.message(encoded))


def loads() -> list[Load]:
    """All there are. They are about the topics that `prepare` makes."""
    small, large = (requests.produce("produced", 0, a_batch(records)) for records in (1, RECORDS_OF_64_KIB))
    one_batch = requests.fetch(requests.fetch_target("small", offset=SMALL_BATCHES // 2), max_bytes=1, min_bytes=1)
    one_mib = requests.fetch(requests.fetch_target("large"), max_bytes=1 << 20, min_bytes=1)
    ping = (requests.PING, b"", 0)
    produce_1 = (requests.PRODUCE, small, 1)
    produce_64k = (requests.PRODUCE, large, RECORDS_OF_64_KIB)
    fetch_1 = (requests.FETCH, one_batch, 1)
    fetch_1m = (requests.FETCH, one_mib, BATCHES_OF_1_MIB * RECORDS_OF_64_KIB)
    one, many = expect_batches(1), expect_batches(BATCHES_OF_1_MIB)
    return [
        Load("ping", *ping, 64, 30, check_pong),
        Load("ping-alone", *ping, 1, 200, check_pong),
        Load("produce-1", *produce_1, 64, 30, check_produced),
        Load("produce-1-alone", *produce_1, 1, 200, check_produced),
        Load("produce-64k", *produce_64k, 8, 20, check_produced),
        Load("produce-64k-alone", *produce_64k, 1, 100, check_produced),
        Load("fetch-1", *fetch_1, 64, 30, one),
        Load("fetch-1-alone", *fetch_1, 1, 200, one),
        Load("fetch-1m", *fetch_1m, 4, 5, many),
        Load("fetch-1m-alone", *fetch_1m, 1, 20, many),
    ]


def run(connection: Connection, load: Load, times: int = 1) -> None:
    """Sends `times * load.requests` requests, and returns once all are answered. Throws Failure."""
    frames = wire.calls(load.depth, load.method, load.message, FIRST_CALL)
    for _ in range(times * load.rounds):
        connection.socket.sendall(frames)
        for _ in range(load.depth):
            try:
                load.check(connection.receive())
            except (BrokerError, wire.Malformed) as error:
                raise Failure(f"{load.name}: {load.method} was answered with: {error}") from error


def prepare(connection: Connection) -> None:
    """Makes the topics that the loads are about."""
    for topic in ("produced", "small", "large"):
        connection.create_topic(topic, 1)
    small, large = (requests.produce(topic, 0, a_batch(records)) for topic, records in
                    [("small", 1), ("large", RECORDS_OF_64_KIB)])
    for message in itertools.chain([small] * SMALL_BATCHES, [large] * LARGE_BATCHES):
        check_produced(connection.call(requests.PRODUCE, message))
