"""Measures consumer groups, for scripts/bench: workloads C1 to C4. Prints a line of JSON for each round."""

import argparse
import pathlib
import sys
import tempfile
import time
from typing import Callable, Iterator, Union

from broker import group_calls, measure, requests, wire
from broker.calls import Calls
from broker.client import Connection
from broker.closed_loop import Loop, Outcome
from broker.group_calls import Identity
from broker.group_members import Group
from broker.heartbeats import Beats, WaitingBeats
from broker.process import Broker, Failure
from broker.responses import BrokerError, check_error

TOPIC = "work"
# Connections of the members of a group: at most 512 heartbeats may wait on each.
MEMBERS_PER_CONNECTION = 500
SETTLE_SECONDS = 120
VALUE_BYTES = 100
# Commits and produces that come before those that count.
WARM_UP_SECONDS = 0.5
# A CommitOffsetResponse.
ONE_STORED = wire.data(1, b"")
FILL_DEPTH = 64
# A heartbeat waits no longer: a third of the session time-out, which is 45 s.
WAIT_SECONDS = 15
# The broker looks every 10 s for what is to be compacted.
COMPACTED_SECONDS, COMPACTION_POLL_SECONDS = 25, 0.5


def storm(options: argparse.Namespace, directory: pathlib.Path) -> None:
    """All members join at once; once the group is settled, one leaves. Nobody else may lose a partition then."""
    with Broker(options.tailrace, directory) as broker:
        with broker.connect() as connection:
            connection.create_topic(TOPIC, options.partitions)
        with Calls(broker.port, connections_for(options.members)) as calls:
            group = Group(calls, "storm", TOPIC, options.partitions, options.members)
            join_ms, join = timed(broker, lambda: (group.join(), settle(group)))
            before = [set(member.owned) for member in group.members]
            leaver, *others = group.members
            given_up = group.ownership.given_up + len(leaver.owned)
            leave_ms, leave = timed(broker, lambda: (group.leave(leaver), settle(group)))
        losers = [member.name for member, owned in zip(others, before[1:]) if not owned <= member.owned]
        if losers or group.ownership.given_up != given_up:
            raise Failure(f"when a member left, others lost partitions: {len(losers)} of them in the end")
        measure.report(
            "storm", options.members, partitions=options.partitions, join_ms=join_ms, leave_ms=leave_ms, **join,
            leave_server_cpu_s=leave["server_cpu_s"], resident_mb=broker.resident_mb())
        broker.stop()


def connections_for(members: int) -> int:
    """Enough for a heartbeat of each to wait, and no less than four."""
    return max(4, -(-members // MEMBERS_PER_CONNECTION))


def settle(*settling: Group) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    for group in settling:
        group.settle(deadline)


def timed(broker: Broker, act: Callable[[], object]) -> tuple[float, dict[str, float]]:
    """Milliseconds that something takes, and members of a line: what the broker and this process used."""
    cpu, own, start = broker.cpu_seconds(), time.process_time(), time.perf_counter()
    act()
    elapsed = time.perf_counter() - start
    return round(elapsed * 1e3, 3), {
        "server_cpu_s": round(broker.cpu_seconds() - cpu, 3), "client_cpu_s": round(time.process_time() - own, 3)}


def check_one_stored(message: bytes) -> None:
    """Throws BrokerError for a CommitOffsetResponse that does not say so."""
    if message != ONE_STORED:
        check_stored(message, 1)


def check_stored(response: bytes, count: int) -> None:
    """Throws BrokerError where not all of so many offsets were stored."""
    errors = group_calls.commit_errors(response)
    for error in errors:
        check_error(error)
    if len(errors) != count:
        raise BrokerError(f"{len(errors)} outcomes for {count} offsets")


class Durable:
    """Commits of one offset, and produces of one record, all answered once they are on disk. Each connection commits for
    a group of its own, each of its calls in flight for another partition; the records go to one partition."""

    def __init__(self, options: argparse.Namespace, broker: Broker) -> None:
        self.options, self.broker = options, broker
        self.produced = 0
        with broker.connect() as connection:
            connection.create_topic(TOPIC, options.depth)
            connection.create_topic("log", 1)

    def commit(self, place: int) -> bytes:
        connection, call = divmod(place, self.options.depth)
        return group_calls.commit_offset(Identity(f"group-{connection}", ""), TOPIC, {call: place + 1})

    def measure_commits(self) -> None:
        """Throws Failure where the offsets are not there in the end."""
        options = self.options
        with Loop(self.broker.port, options.connections, options.depth, group_calls.COMMIT_OFFSET, self.commit,
                  check_one_stored) as loop:
            self.measure("commits", loop)
        with self.broker.connect() as connection:
            for place in range(options.connections * options.depth):
                group, call = divmod(place, options.depth)
                found = offsets(connection, f"group-{group}")
                if found.get(call) != place + 1:
                    raise Failure(f"group-{group} has committed {place + 1}, and {found} is there")

    def measure_produces(self) -> None:
        """Throws Failure where not all records are there in the end."""
        message = requests.produce("log", 0, requests.record(bytes(VALUE_BYTES)), requests.ACKS_DURABLE)
        with Loop(self.broker.port, self.options.connections, self.options.depth, requests.PRODUCE,
                  lambda place: message, lambda message: None) as loop:
            self.measure("commits, produces of a record", loop)
        with self.broker.connect() as connection:
            (end,) = connection.end_offsets("log", [0])
        if end != self.produced:
            raise Failure(f"{self.produced} records were acknowledged, and {end} are there")

    def measure(self, name: str, loop: Loop) -> None:
        warm_up = loop.run(min(WARM_UP_SECONDS, self.options.seconds))
        cpu = self.broker.cpu_seconds()
        outcome = loop.run(self.options.seconds)
        cpu = self.broker.cpu_seconds() - cpu
        if ", " in name:
            self.produced += warm_up.count + outcome.count
        measure.report(
            name, outcome.count, connections=self.options.connections, depth=self.options.depth,
            seconds=round(outcome.seconds, 3), per_second=round(outcome.count / outcome.seconds, 3),
            **measure.latencies(outcome.latencies_us), server_cpu_s=round(cpu, 3),
            server_cpu_us=round(cpu / outcome.count * 1e6, 3), client_cpu_s=round(outcome.cpu_seconds, 3))


def commits(options: argparse.Namespace, directory: pathlib.Path) -> None:
    """Commits and produces take turns."""
    with Broker(options.tailrace, directory) as broker:
        durable = Durable(options, broker)
        for _ in range(options.rounds):
            durable.measure_commits()
            durable.measure_produces()
        broker.stop()


def heartbeats(options: argparse.Namespace, directory: pathlib.Path) -> None:
    """Groups whose members each read a partition; first such heartbeats as the broker asks for, then such that wait."""
    total = options.groups * options.members
    with Broker(options.tailrace, directory) as broker:
        with broker.connect() as connection:
            connection.create_topic(TOPIC, options.members)
        with Calls(broker.port, connections_for(total)) as calls:
            settled = [
                Group(calls, f"group-{place}", TOPIC, options.members, options.members, first=place)
                for place in range(options.groups)]
            for group in settled:
                group.join()
            join_ms, join = timed(broker, lambda: settle(*settled))
            for group in settled:
                group.is_beating = False
            beats = Beats(calls, settled)
            beats.run(options.seconds if options.quick else beats.interval_seconds)
            for _ in range(options.rounds):
                report_beats("heartbeats", beats, options, broker, join_ms=join_ms, join_server_cpu_s=join["server_cpu_s"])
            waiting = WaitingBeats(calls, settled)
            waiting.begin(options.seconds if options.quick else WAIT_SECONDS)
            for _ in range(options.rounds):
                report_beats("heartbeats, kept until there is news", waiting, options, broker)
        broker.stop()


def report_beats(name: str, beats: Union[Beats, WaitingBeats], options: argparse.Namespace, broker: Broker, **members: float) -> None:
    """Runs heartbeats for as long as is asked for."""
    outcome = None

    def run() -> None:
        nonlocal outcome
        outcome = beats.run(options.seconds)

    elapsed_ms, used = timed(broker, run)
    share = 1e5 * used["server_cpu_s"] / elapsed_ms
    measure.report(
        name, outcome.count, members=len(beats.beats), groups=options.groups, seconds=round(elapsed_ms / 1e3, 3),
        core_percent=round(share, 3), **measure.latencies(outcome.latencies_us), **used,
        resident_mb=broker.resident_mb(), **members)


def start(options: argparse.Namespace, directory: pathlib.Path) -> None:
    """From just before the exec to what a group has committed, after a kill: over the commits as they were made, and
    once the broker has compacted them, which it does by itself where there are enough."""
    with Broker(options.tailrace, directory) as broker:
        fill_ms, _ = timed(broker, lambda: fill(options, broker))
        count = options.groups * options.partitions * options.times
        print(f"start: {count / fill_ms * 1e3:,.0f} offsets/s committed, {options.partitions} a call", file=sys.stderr)
        broker.kill()
    restart(options, directory, "start", options.rounds)
    with Broker(options.tailrace, directory) as broker:
        broker.connect().socket.close()
        wait_for_compaction(directory, 0 if options.quick else COMPACTED_SECONDS)
        broker.kill()
    restart(options, directory, "start, compacted", options.rounds)


def fill(options: argparse.Namespace, broker: Broker) -> None:
    """Commits for all groups and partitions, and again as often as is asked for, one offset further each time."""

    def messages() -> Iterator[bytes]:
        for time_around in range(options.times):
            encoded = group_calls.commit_offset(
                Identity("", ""), TOPIC, dict.fromkeys(range(options.partitions), time_around + 1))
            for group in range(options.groups):
                # The last group that a request names counts.
                yield encoded + wire.data(1, f"group-{group}")

    with broker.connect() as connection:
        connection.create_topic(TOPIC, options.partitions)
        for response in connection.pipeline(group_calls.COMMIT_OFFSET, messages(), FILL_DEPTH):
            check_stored(response, options.partitions)


def restart(options: argparse.Namespace, directory: pathlib.Path, name: str, count: int) -> None:
    """Starts the broker and kills it, so often. Throws Failure where a commit is gone."""
    wanted = dict.fromkeys(range(options.partitions), options.times)
    for _ in range(count):
        byte_count = log_bytes(directory)
        with Broker(options.tailrace, directory) as broker, broker.connect() as connection:
            found = offsets(connection, f"group-{options.groups - 1}")
            elapsed, cpu = broker.milliseconds_since_start(), broker.cpu_seconds()
            for group in range(options.groups):
                if found != wanted:
                    raise Failure(f"after a start, the offsets of a group are {found}")
                found = offsets(connection, f"group-{group}")
            measure.report(
                name, options.groups * options.partitions * options.times, log_mb=byte_count / 1e6,
                start_ms=round(elapsed, 3), server_cpu_s=cpu, resident_mb=broker.resident_mb(),
                most_mb=broker.resident_mb("VmHWM"))
            broker.kill()


def offsets(connection: Connection, group: str) -> dict[int, int]:
    """What a group has committed, by partition."""
    request = group_calls.fetch_offsets(group, TOPIC, ())
    return group_calls.stored_offsets(connection.call(group_calls.FETCH_OFFSETS, request))


def log_bytes(directory: pathlib.Path) -> int:
    """Of the log that commits are kept in."""
    return sum(path.stat().st_size for path in (directory / "data" / "topics").glob("__offsets@*/0/*.log"))


def wait_for_compaction(directory: pathlib.Path, quiet_seconds: float) -> None:
    """Until the log's size has not changed for so long."""
    size, since = log_bytes(directory), time.monotonic()
    while time.monotonic() < since + quiet_seconds:
        time.sleep(COMPACTION_POLL_SECONDS)
        if size != log_bytes(directory):
            size, since = log_bytes(directory), time.monotonic()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    sizes = {
        "storm": ("a group that all join, and one leaves", {"members": 5_000, "partitions": 10_000}),
        "commits": ("durable commits", {"connections": 1_000, "depth": 1_000}),
        "heartbeats": ("members who hear no news", {"groups": 10_000, "members": 5_000}),
        "start": ("over many commits", {"groups": 100_000, "partitions": 10_000, "times": 1_000}),
    }
    for kind, (words, bounds) in sizes.items():
        options = kinds.add_parser(kind, help=words)
        for name, highest in bounds.items():
            options.add_argument(f"--{name}", required=True, type=measure.bounded(1, highest))
        options.add_argument("--quick", action="store_true", help="with a tenth of everything there is many of")
        measure.add_options(options)
    options = parser.parse_args()
    if options.quick:
        for name, value in vars(options).items():
            if name in sizes[options.kind][1]:
                setattr(options, name, max(1, value // 10))
    return options


def run() -> None:
    options = parse_arguments()
    measured = {"storm": storm, "commits": commits, "heartbeats": heartbeats, "start": start}[options.kind]
    for _ in range(options.rounds if measured is storm else 1):
        with tempfile.TemporaryDirectory(prefix="groups-", dir=options.directory) as directory:
            measured(options, pathlib.Path(directory))


if __name__ == "__main__":
    sys.exit(measure.main(run))
