"""The member's side of a consumer group, as many members over a few connections."""

import time
from typing import Callable, Optional

from broker import group_calls, wire
from broker.calls import Calls, Channel
from broker.group_calls import Identity, Standing
from broker.process import Failure
from broker.responses import BrokerError

CLIENT = "bench"
# A heartbeat may wait as long as the broker lets it: a third of the session time-out.
MAX_WAIT_MS = 60_000
# Between two questions whether a group is stable.
POLL_SECONDS = 0.002


class Ownership:
    """Who believes to own which partition of a topic, counted from 0: never two at a time."""

    def __init__(self, partitions: int) -> None:
        self.owners: list[Optional[str]] = [None] * partitions
        self.free = partitions
        # Partitions that somebody let go of so far.
        self.given_up = 0

    def change(self, member: str, old: frozenset[int], new: frozenset[int]) -> None:
        """A member goes from one set of partitions to another. Throws Failure where another owns one."""
        for partition in old - new:
            self.owners[partition] = None
        for partition in new - old:
            if self.owners[partition] is not None:
                raise Failure(f"partition {partition} was given to {member}, and {self.owners[partition]} has it still")
            self.owners[partition] = member
        self.free += len(old) - len(new)
        self.given_up += len(old - new)


class Member:
    """One member: what it believes. What an answer does not list any more it lets go of before its next heartbeat."""

    def __init__(self, name: str, channel: Channel) -> None:
        self.name, self.channel = name, channel
        self.has_joined = self.has_left = False
        self.epoch = self.interval_ms = 0
        self.owned: frozenset[int] = frozenset()


class Group:
    """Members of one group, who read one topic. Each joins, and then has a heartbeat at the broker all the time that
    waits for news."""

    def __init__(
        self, calls: Calls, name: str, topic: str, partitions: int, members: int, first: int = 0,
    ) -> None:
        """`first`: the place of the first member's connection; the next one's is the next."""
        self.calls, self.name, self.topic, self.partitions = calls, name, topic, partitions
        channels = calls.channels
        self.members = [
            Member(f"member-{place:05}", channels[(first + place) % len(channels)]) for place in range(members)]
        self.ownership = Ownership(partitions)
        self.shares: range
        self.unfair: int
        self.expect_shares()
        # While false, no heartbeats follow on those that are answered.
        self.is_beating = True
        self.is_stable = False

    def expect_shares(self) -> None:
        """Counts anew how many members own another number of partitions than a balanced group's."""
        present = [member for member in self.members if not member.has_left]
        least, rest = divmod(self.partitions, len(present))
        self.shares = range(least, least + 1 + (rest > 0))
        self.unfair = sum(not self.is_fair(member) for member in present)

    def is_fair(self, member: Member) -> bool:
        return member.has_joined and len(member.owned) in self.shares

    @property
    def is_balanced(self) -> bool:
        """Whether the members believe to own everything, and the same number each but for one."""
        return self.unfair == 0 and self.ownership.free == 0

    def join(self) -> None:
        """All members join at once."""
        for member in self.members:
            message = group_calls.join_group(self.identity(member), self.topic, CLIENT, 0, 0)
            self.calls.call(member.channel, group_calls.JOIN_GROUP, message, self.answer(member, group_calls.joined))

    def leave(self, member: Member) -> None:
        """A member stops reading, and leaves."""
        member.has_left = True
        self.ownership.change(member.name, member.owned, frozenset())
        self.expect_shares()
        self.is_stable = False
        message = group_calls.leave_group(self.identity(member))
        self.calls.call(member.channel, group_calls.LEAVE_GROUP, message, lambda answer: self.check(member, answer))

    def heartbeat(self, member: Member, max_wait_ms: int = 0) -> bytes:
        """The request that says what a member believes."""
        return group_calls.heartbeat(self.identity(member), self.topic, member.owned) + wire.numbers({5: max_wait_ms})

    def identity(self, member: Member) -> Identity:
        return Identity(self.name, member.name, member.epoch)

    def answer(self, member: Member, decode: Callable[[bytes], Standing]) -> Callable[[wire.Answer], None]:
        """What is done with an answer: the member believes it, and confirms."""

        def answered(answer: wire.Answer) -> None:
            if member.has_left:
                return
            self.check(member, answer)
            self.believe(member, decode(answer.message))
            if self.is_beating:
                message = self.heartbeat(member, MAX_WAIT_MS)
                self.calls.call(member.channel, group_calls.HEARTBEAT, message, self.answer(member, group_calls.heard))

        return answered

    def check(self, member: Member, answer: wire.Answer) -> None:
        """Throws BrokerError."""
        if answer.error is not None:
            raise BrokerError(f"{member.name} of {self.name}: {answer.error}")

    def believe(self, member: Member, told: Standing) -> None:
        """Throws Failure where a partition has two owners then."""
        new = told.partitions
        was_fair = self.is_fair(member)
        self.ownership.change(member.name, member.owned, new)
        member.has_joined, member.epoch, member.interval_ms, member.owned = True, told.epoch, told.interval_ms, new
        self.unfair += was_fair - self.is_fair(member)

    def settle(self, deadline: float) -> None:
        """Until the members believe that they are balanced, and the broker that the group is stable. Throws Failure
        where that does not come before the deadline, by time.monotonic()."""

        def described(answer: wire.Answer) -> None:
            self.check(self.members[0], answer)
            summary = dict(wire.fields(next(wire.fields(answer.message))[1]))
            present = sum(not member.has_left for member in self.members)
            self.is_stable = (summary.get(2), summary.get(3)) == (group_calls.STABLE, present)
            if not self.is_stable:
                self.calls.later(time.monotonic() + POLL_SECONDS, ask)

        def ask() -> None:
            self.calls.call(
                self.calls.channels[0], group_calls.DESCRIBE_GROUP, group_calls.describe_group(self.name), described)

        def wait(condition: Callable[[], bool]) -> None:
            if not self.calls.run(condition, deadline):
                raise Failure(
                    f"{self.name} is not settled in time: {self.unfair:,} members are not balanced,"
                    f" {self.ownership.free:,} partitions are free")

        wait(lambda: self.is_balanced)
        ask()
        wait(lambda: self.is_stable)
