"""Measures a broker's memory and its start, for scripts/bench: workload M1. Prints a line of JSON for each round."""

import argparse
import itertools
import pathlib
import sys
import tempfile
import time
from typing import Iterator

from broker import batch, measure, requests
from broker.client import Connection
from broker.process import Broker, Failure
from broker.responses import check_produced, fetched_batches

MANY = 1000
IDLE_SECONDS = 1
# W2 and F1: as `tailrace bench produce` and `fetch` have them by default.
VALUE_BYTES, VALUES_PER_BATCH = 1024, 63
PRODUCE_DEPTH, FETCH_DEPTH = 8, 2
FETCH_BYTES = 1 << 20
MAX_PRODUCED_BYTES = 1 << 30


def idle(options: argparse.Namespace, directory: pathlib.Path) -> None:
    """Memory of a broker over an empty directory, a second after it has answered its first call."""
    with Broker(options.tailrace, directory) as broker:
        with broker.connect() as connection:
            connection.call(requests.PING, b"")
        time.sleep(IDLE_SECONDS)
        measure.report(
            "idle", 1, resident_mb=broker.resident_mb(), anonymous_mb=broker.resident_mb("RssAnon"))
        broker.stop()


def load(options: argparse.Namespace, directory: pathlib.Path) -> None:
    """Memory after W2, for so many seconds, 1 GiB at most, and after F1 over what that wrote; the most of all time."""
    encoded = batch.encode([bytes(VALUE_BYTES)] * VALUES_PER_BATCH, time_ms=int(time.time() * 1000))
    with Broker(options.tailrace, directory) as broker, broker.connect() as connection:
        connection.create_topic("load", 1)
        count = produce(connection, encoded, options.seconds)
        produced_mb = broker.resident_mb()
        fetched = fetch(connection, count, len(encoded))
        if fetched != count:
            raise Failure(f"{count} batches were written, and {fetched} fetched")
        measure.report(
            "load", count, bytes=count * len(encoded), produced_resident_mb=produced_mb,
            resident_mb=broker.resident_mb(), most_mb=broker.resident_mb("VmHWM"))
        broker.stop()


def produce(connection: Connection, encoded: bytes, seconds: float) -> int:
    """Writes a batch over and over; returns how often."""
    request = requests.produce("load", 0, requests.batch(batch.message(encoded)))
    deadline = time.monotonic() + seconds
    most = MAX_PRODUCED_BYTES // len(encoded)
    messages = itertools.takewhile(lambda _: time.monotonic() < deadline, itertools.repeat(request, most))
    count = 0
    for response in connection.pipeline(requests.PRODUCE, messages, PRODUCE_DEPTH):
        check_produced(response)
        count += 1
    return count


def fetch(connection: Connection, count: int, batch_bytes: int) -> int:
    """Reads all batches, which are of one size; returns how many there were."""

    def messages() -> Iterator[bytes]:
        for first in range(0, count, FETCH_BYTES // batch_bytes):
            yield requests.fetch(requests.fetch_target("load", offset=first * VALUES_PER_BATCH), FETCH_BYTES)

    responses = connection.pipeline(requests.FETCH, messages(), FETCH_DEPTH)
    return sum(len(fetched_batches(response)) for response in responses)


def start(options: argparse.Namespace, directory: pathlib.Path) -> None:
    """From just before the exec to the answer to a ping, over an empty directory."""
    with Broker(options.tailrace, directory) as broker, broker.connect() as connection:
        connection.call(requests.PING, b"")
        measure.report("start", 1, start_ms=round(broker.milliseconds_since_start(), 3))


def start_many(options: argparse.Namespace, directory: pathlib.Path) -> None:
    """The same after a stop in order, with a record in each of 1,000 partitions, to where the last of them ends."""
    with Broker(options.tailrace, directory) as broker, broker.connect() as connection:
        connection.create_topic("many", MANY)
        messages = (requests.produce("many", partition, requests.record(b"one")) for partition in range(MANY))
        for response in connection.pipeline(requests.PRODUCE, messages, PRODUCE_DEPTH):
            check_produced(response)
        broker.stop()
    with Broker(options.tailrace, directory) as broker, broker.connect() as connection:
        ends = connection.end_offsets("many", [MANY - 1])
        elapsed = broker.milliseconds_since_start()
        if ends != [1]:
            raise Failure(f"the last partition ends at {ends[0]} after the start, and at 1 before")
        measure.report("start", MANY, start_ms=round(elapsed, 3), resident_mb=broker.resident_mb())


MEASUREMENTS = {"idle": idle, "load": load, "start": start, "start-1000": start_many}


def run() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measurement", choices=MEASUREMENTS)
    measure.add_options(parser)
    options = parser.parse_args()
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="memory-", dir=options.directory) as directory:
            MEASUREMENTS[options.measurement](options, pathlib.Path(directory))


if __name__ == "__main__":
    sys.exit(measure.main(run))
