#!/usr/bin/env python3
"""Consumer groups over the page views of an access log: how scripts/quickstart knows how far they are, and checks that
each group got all.

settled    reads what `tailrace group describe --output json` printed, and succeeds once so many members share all
           partitions, each partition with an offset stored
caught-up  the same, once each partition is read and committed to its end
report     reads what members printed (`tailrace consume --group GROUP --format json`, in DIRECTORY/GROUP/MEMBER.jsonl),
           shows who did how much and how much came twice, and fails unless each group got every page view of the log,
           byte for byte and in order per visitor, once repeats of a (partition, offset) are removed
"""

import argparse
import json
import pathlib
import sys
from typing import Iterable, Iterator, NamedTuple

import activity_tracking as tracking

TOPIC = "page_views"


def is_settled(description: dict, members: int) -> bool:
    """Says whether a group has so many members, and all partitions are theirs to read and have an offset stored."""
    partitions = description["partitions"]
    return (
        description["state"] == "stable"
        and len(description["members"]) == members
        and bool(partitions)
        and all(part["member"] is not None and part["committed"] is not None for part in partitions)
    )


def is_caught_up(description: dict) -> bool:
    """Says whether a group has committed the end of each partition. One without an offset has no lag: null."""
    partitions = description["partitions"]
    return bool(partitions) and all(part["lag"] == 0 for part in partitions)


class Member(NamedTuple):
    """What a member of a group printed."""

    name: str
    records: int
    partitions: list[int]
    killed: bool


class Group:
    """Brings together what the members of a group printed, and collects what is wrong with it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: list[Member] = []
        self.faults: list[str] = []
        # By partition and offset: the record as it came first, and its line.
        self._first: dict[tuple[int, int], tuple[tracking.Fetched, str]] = {}

    def read(self, member: str, printed: str, killed: bool = False) -> None:
        """Takes all that a member printed. Who was killed may have left a last line without its end: it was not
        committed, so another member has to have the record."""
        *lines, rest = printed.split("\n")
        if rest and not killed:
            self.faults.append(f"{member}: the last line has no end")
        records = []
        for number, text in enumerate(lines, start=1):
            try:
                records.append(self._take(text))
            except tracking.Fault as fault:
                self.faults.append(f"{member}: line {number} {fault}")
        self.members.append(Member(member, len(records), sorted({r.partition for r in records}), killed))

    def _take(self, text: str) -> tracking.Fetched:
        record = tracking.fetched(text)
        place = (record.partition, record.offset)
        first, _ = self._first.setdefault(place, (record, text))
        if first != record:
            raise tracking.Fault(f"differs from what came before of {TOPIC}/{record.partition} offset {record.offset}")
        return record

    @property
    def different(self) -> int:
        """How many records the group got, repeats left out."""
        return len(self._first)

    @property
    def redelivered(self) -> int:
        """How many records came again."""
        return sum(member.records for member in self.members) - self.different

    def finish(self, log: Iterable[tracking.Entry]) -> None:
        """Checks that the records without repeats are the page views of the log."""
        verifier = tracking.Verifier(entry for entry in log if entry.topic == TOPIC)
        verifier.read(TOPIC, (text for _, text in self._first.values()))
        verifier.finish()
        self.faults += verifier.faults


def table(group: Group) -> Iterator[str]:
    """Who did how much, and how much of that came twice."""
    width = max((len(member.name) for member in group.members), default=0)
    yield f"Group {group.name}:"
    for member in group.members:
        partitions = ", ".join(map(str, member.partitions)) or "none"
        killed = "; killed half-way" if member.killed else ""
        yield f"  {member.name:<{width}} {member.records:>6} records, of partitions {partitions}{killed}"
    yield f"  together {group.different} different ones, and {group.redelivered} that were redelivered"


def run_condition(arguments: argparse.Namespace) -> int:
    description = json.load(sys.stdin)
    if arguments.command == "settled":
        return 0 if is_settled(description, arguments.members) else 1
    return 0 if is_caught_up(description) else 1


def run_report(arguments: argparse.Namespace) -> int:
    faults = []
    for name in arguments.groups:
        group = Group(name)
        for path in sorted((arguments.directory / name).glob("*.jsonl")):
            # Only "\n" ends a line: a value may hold any other character that Unicode counts as a line's end.
            with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as printed:
                group.read(path.stem, printed.read(), killed=path.stem == arguments.killed)
        with open(arguments.log, "rb") as log:
            group.finish(tracking.entries(log))
        print("\n".join(table(group)))
        faults += [f"group {name}: {fault}" for fault in group.faults]
    if faults:
        for fault in faults[:20]:
            print(f"FAULT {fault}", file=sys.stderr)
        print(f"{len(faults)} faults in what the groups got")
        return 1
    print(f"Repeats removed, each group got all {group.different} page views, unchanged, in order per visitor.")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line: what a command does is `run` of what was parsed."""
    root = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = root.add_subparsers(dest="command", required=True)
    settled = commands.add_parser("settled", help="whether the group on standard input is complete and at rest")
    settled.add_argument("members", type=int, help="how many members it is to have")
    settled.set_defaults(run=run_condition)
    caught_up = commands.add_parser("caught-up", help="whether the group on standard input has read all")
    caught_up.set_defaults(run=run_condition)
    report = commands.add_parser("report", help="show and check what groups got")
    report.add_argument("log", type=pathlib.Path, help="the access log")
    report.add_argument("directory", type=pathlib.Path, help="where what the members printed is")
    report.add_argument("groups", nargs="+", help="the groups' names")
    report.add_argument("--killed", metavar="MEMBER", help="the member that was killed")
    report.set_defaults(run=run_report)
    return root


def main() -> int:
    arguments = parser().parse_args()
    return arguments.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
