"""Measures what grows with partitions and with a log's length, for scripts/bench: workload N1.

Large and small take turns; prints a line of JSON for each, the small one's with a comma in its name.
"""

import argparse
import contextlib
import pathlib
import random
import sys
import tempfile
import time
from typing import Callable, Iterator

from broker import measure, open_loop, requests, responses, wire
from broker.client import Connection
from broker.process import Broker, Failure
from broker.sparse_log import STRIDE_BYTES, SparseLog, write

RATE = 20_000
VALUE_BYTES = 100
# Requests are encoded once, one for each partition at the most; so many calls may be in flight.
FRAMES = 10_000
PLACES = 256
TOPIC = "growth"


class Produce:
    """Single records, one a request, to the partitions of a topic in turn, at a fixed rate on one connection."""

    def __init__(self, options: argparse.Namespace, directory: pathlib.Path, partitions: int, name: str) -> None:
        self.name, self.partitions, self.seconds = name, partitions, options.seconds
        self.broker = Broker(options.tailrace, directory, ("--max-calls-in-flight", str(FRAMES)))
        self.sent = 0
        record = requests.record(bytes(VALUE_BYTES))
        messages = (requests.produce(TOPIC, index % partitions, record) for index in range(FRAMES))
        self.frames = [wire.call(index + 1, requests.PRODUCE, message) for index, message in enumerate(messages)]

    def prepare(self) -> None:
        with self.broker.connect() as connection:
            connection.create_topic(TOPIC, self.partitions)

    def measure(self) -> None:
        """The first record of each partition comes before what is counted."""
        total = int(RATE * self.seconds)
        with self.broker.connect() as connection:
            open_loop.run(connection, self.frames, RATE, FRAMES)
            cpu = self.broker.cpu_seconds()
            outcome = open_loop.run(connection, self.frames, RATE, total)
            cpu = self.broker.cpu_seconds() - cpu
        self.sent += FRAMES + total
        measure.report(
            self.name, total, partitions=self.partitions, seconds=round(outcome.seconds, 3),
            per_second=round(total / outcome.seconds, 3), **measure.latencies(outcome.latencies_us),
            latest_send_us=round(outcome.latest_send_us, 3), server_cpu_s=round(cpu, 3),
            server_cpu_us=round(cpu / total * 1e6, 3), client_cpu_s=round(outcome.cpu_seconds, 3),
            resident_mb=self.broker.resident_mb())
        share = outcome.cpu_seconds / outcome.seconds
        print(f"{self.name}: the sender took {share:.0%} of a core, and sent {outcome.latest_send_us:,.0f} us late at"
              " worst", file=sys.stderr)

    def finish(self) -> None:
        """Throws Failure where not all records are there."""
        with self.broker.connect() as connection:
            stored = sum(connection.end_offsets(TOPIC, range(self.partitions)))
        if stored != self.sent:
            raise Failure(f"{self.sent} records were acknowledged, and {stored} are there")
        self.broker.stop()


class LookUp:
    """Look-ups in a log, one at a time, of a few hundred random places that have been visited before: what is measured
    is the search, and not the disk."""

    def __init__(self, options: argparse.Namespace, directory: pathlib.Path, strides: int, name: str) -> None:
        self.name, self.by_time, self.seconds = name, options.by == "time", options.seconds
        self.log = SparseLog(strides, start_ms=int(time.time() * 1000) - 2 * strides)
        with Broker(options.tailrace, directory) as empty, empty.connect() as connection:
            topic_id = connection.create_topic(TOPIC, 1)
        write(self.log, directory / "data", topic_id)
        # There is no telling a scrub's reading from a look-up's.
        self.broker = Broker(options.tailrace, directory, ("--scrub-mib-per-second", "0"))
        self.places = random.Random(strides).choices(range(strides), k=PLACES)
        self.first_us = 0.0
        self.requests = [self.request(place) for place in self.places]

    @property
    def method(self) -> str:
        return requests.LIST_OFFSETS if self.by_time else requests.FETCH

    def request(self, stride: int) -> bytes:
        """Looks for the small record of a MiB."""
        if self.by_time:
            return requests.offset_query(TOPIC, 0, requests.AT_TIME, self.log.time_ms(stride))
        return requests.fetch(requests.fetch_target(TOPIC, offset=self.log.offset(stride)), max_bytes=1)

    def found(self, response: bytes) -> int:
        """The offset that a response is about."""
        if self.by_time:
            ((_, result),) = wire.fields(response)
            return responses.offset_found(result)
        (batch,) = responses.fetched_batches(response)
        return int.from_bytes(dict(wire.fields(batch))[2], "little")

    def prepare(self) -> None:
        """The first look-up after the start is timed on its own. Throws Failure where the log's end is not where it
        belongs, or a look-up finds something else."""
        with self.broker.connect() as connection:
            (end,) = connection.end_offsets(TOPIC, [0])
            if end != self.log.offset(self.log.strides):
                raise Failure(f"the log ends at {end}: {self.broker.last_words()}")
            start = time.perf_counter()
            self.check(connection, self.log.strides - 1)
            self.first_us = (time.perf_counter() - start) * 1e6
            for place in self.places:
                self.check(connection, place)

    def check(self, connection: Connection, place: int) -> None:
        """Looks for one place. Throws Failure where that finds another."""
        found, wanted = self.found(connection.call(self.method, self.request(place))), self.log.offset(place)
        if found != wanted:
            raise Failure(f"{self.name}: found offset {found} in place of {wanted}")

    def measure(self) -> None:
        latencies_us = []
        with self.broker.connect() as connection:
            for request in self.requests:
                connection.call(self.method, request)
            cpu, own, start = self.broker.cpu_seconds(), time.process_time(), time.perf_counter()
            sent = start
            while sent < start + self.seconds:
                connection.call(self.method, self.requests[len(latencies_us) % PLACES])
                now = time.perf_counter()
                latencies_us.append((now - sent) * 1e6)
                sent = now
            cpu, own = self.broker.cpu_seconds() - cpu, time.process_time() - own
        count = len(latencies_us)
        measure.report(
            self.name, count, mib=self.log.strides, seconds=round(sent - start, 3),
            first_us=round(self.first_us, 3), **measure.latencies(sorted(latencies_us)), server_cpu_s=round(cpu, 3),
            server_cpu_us=round(cpu / count * 1e6, 3), client_cpu_s=round(own, 3),
            resident_mb=self.broker.resident_mb())

    def finish(self) -> None:
        self.broker.stop()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    produce = kinds.add_parser("produce", help="records into many partitions, and into one")
    produce.add_argument("--partitions", required=True, type=measure.bounded(1, FRAMES))
    look_up = kinds.add_parser("look-up", help="places in a long log, and in one of 1 MiB")
    look_up.add_argument("--by", required=True, choices=["offset", "time"])
    look_up.add_argument("--mib", required=True, type=measure.bounded(1, 1 << 20), help="length of the log")
    for kind in (produce, look_up):
        measure.add_options(kind)
    return parser.parse_args()


def subjects(options: argparse.Namespace, directory: pathlib.Path) -> Iterator[Callable]:
    """The large one, and the small one that it is held against; both have a broker running."""
    kind, size = (Produce, options.partitions) if options.kind == "produce" else (LookUp, options.mib)
    small = "1 partition" if options.kind == "produce" else f"{STRIDE_BYTES >> 20} MiB"
    yield kind(options, directory / "large", size, options.kind)
    yield kind(options, directory / "small", 1, f"{options.kind}, {small}")


def run() -> None:
    options = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="growth-", dir=options.directory) as name, contextlib.ExitStack() as stack:
        taken = []
        for subject in subjects(options, pathlib.Path(name)):
            stack.enter_context(subject.broker)
            subject.prepare()
            taken.append(subject)
        for _ in range(options.rounds):
            for subject in taken:
                subject.measure()
        for subject in taken:
            subject.finish()


if __name__ == "__main__":
    sys.exit(measure.main(run))
