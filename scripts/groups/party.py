"""A group whose members are processes, and a look at it from outside."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Optional

from broker import group_calls
from broker.client import Connection
from broker.group_calls import Group
from broker.process import Failure
from broker.responses import BrokerError
from groups import verdict
from groups.journal import Journal, Membership, Moment
from groups.processes import MemberProcess, Terms

SETTLE_SECONDS = 20
LOOK_SECONDS = 0.02


def await_that(what: str, condition: Callable[[], bool], seconds: float = SETTLE_SECONDS) -> None:
    """Waits for a condition. Throws Failure."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(LOOK_SECONDS)


def is_settled(group: Group, names: Iterable[str], partitions: int) -> bool:
    """Whether exactly these processes are members, and own each partition once, about as many each."""
    owned = sorted(partition for member in group.members for partition in member.owned)
    sizes = [len(member.owned) for member in group.members]
    return (
        group.is_stable and sorted(member.client for member in group.members) == sorted(names)
        and owned == list(range(partitions)) and max(sizes) - min(sizes) <= 1
    )


class Party:
    """A group of processes. They end with `finish`, or with this process."""

    def __init__(self, terms: Terms, partitions: int) -> None:
        self.terms = terms
        self.partitions = partitions
        self.journal = Journal()
        self.running: dict[str, MemberProcess] = {}
        self.all: list[MemberProcess] = []

    def add(self, kind: str, instance: Optional[str] = None) -> MemberProcess:
        """Starts one more. `instance`: it is static, and perhaps comes in the place of an earlier one."""
        name = f"{kind}-{len(self.all) + 1}"
        process = MemberProcess(kind, self.terms, name, self.journal, instance)
        self.running[name] = process
        self.all.append(process)
        return process

    def kill(self, process: MemberProcess) -> None:
        """With SIGKILL."""
        process.kill()
        del self.running[process.name]

    def look(self) -> Group:
        """The group now, as the broker describes it; without members where it is not there. Throws BrokerError."""
        try:
            return group_calls.described(
                self.ask(group_calls.DESCRIBE_GROUP, group_calls.describe_group(self.terms.group)))
        except BrokerError as error:
            if error.code != group_calls.UNKNOWN_GROUP:
                raise
        return Group(False, [])

    def stored(self) -> dict[int, int]:
        """The group's offsets now, by partition."""
        request = group_calls.fetch_offsets(self.terms.group, self.terms.topic, range(self.partitions))
        return group_calls.stored_offsets(self.ask(group_calls.FETCH_OFFSETS, request))

    def ask(self, method: str, request: bytes) -> bytes:
        """A call of an observer. Throws BrokerError and Failure."""
        try:
            with Connection(self.terms.broker_port) as connection:
                return connection.call(method, request)
        except OSError as error:
            raise Failure(f"no answer to {method} about {self.terms.group}: {error}") from error

    def settle(self) -> None:
        """Waits until all that run share the partitions. Throws Failure."""
        names = self.running.keys()
        group = Group(False, [])

        def looks_settled() -> bool:
            nonlocal group
            for process in self.running.values():
                process.check()
            group = self.look()
            return is_settled(group, names, self.partitions)

        try:
            await_that("", looks_settled)
        except Failure as error:
            told = "; ".join(f"{member.client} ({member.member}) {sorted(member.owned)}" for member in group.members)
            raise Failure(
                f"{self.terms.group} did not settle within {SETTLE_SECONDS} s: {sorted(names)} run, and the members,"
                f" {'' if group.is_stable else 'not '}stable, are {told}"
            ) from error

    def owned_by_static(self) -> dict[str, list[int]]:
        """Of each static member, by its instance."""
        return {member.instance: sorted(member.owned) for member in self.look().members if member.instance}

    def await_gone(self, process: MemberProcess, gone: Membership) -> float:
        """Waits until a member is out, and notes it; returns when it was seen, by time.monotonic()."""

        def is_gone() -> bool:
            return all(other.member != gone.member for other in self.look().members)

        await_that(f"member {gone.member} of {process.name} is out", is_gone)
        seen = time.monotonic()
        self.journal.fenced(Moment(process.name, gone.member, gone.epoch, seen))
        return seen

    def finish(self, ends: Mapping[int, int]) -> None:
        """Waits until all is committed, then ends the processes."""
        before = self.stored()
        what = f"{self.terms.group} has committed all of {dict(ends)}; at first {before} was stored"
        await_that(what, lambda: self.stored() == ends)
        for process in self.running.values():
            process.check()
            process.ask_to_end()
        for process in self.running.values():
            process.wait()

    def processed(self) -> tuple[dict[tuple[int, int], bytes], int]:
        """Values by partition and offset, and how many came more than once."""
        values, again = {}, 0
        for process in self.all:
            for partition, offset, value in process.processed():
                again += (partition, offset) in values
                values[partition, offset] = value
        return values, again

    def faults(self, acked: Mapping[tuple[int, int], bytes], ends: Mapping[int, int]) -> list[str]:
        """All that did not hold; to be asked after `finish`."""
        commits = self.journal.commits
        found = list(self.journal.faults)
        found += verdict.chain_faults(commits, ends)
        found += verdict.fenced_faults(commits, self.journal.joinings, self.journal.fencings)
        found += verdict.unprocessed_faults(self.processed()[0], acked, ends)
        return [f"{self.terms.group}: {fault}" for fault in found]

    def summary(self) -> str:
        """What was seen, in a line."""
        commits = self.journal.commits
        values, again = self.processed()
        accepted = sum(commit.is_accepted for commit in commits)
        in_doubt = sum(commit.is_in_doubt for commit in commits)
        return (
            f"{self.terms.group}: {len(self.all)} processes were members {self.journal.members} times; {len(values):,} records"
            f" processed, {again:,} more than once; {accepted:,} commits accepted,"
            f" {len(commits) - accepted - in_doubt} refused, {in_doubt} in doubt"
        )
