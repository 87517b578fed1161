"""Heartbeats of members to whom nothing happens."""

import time
from typing import NamedTuple

from broker import group_calls, wire
from broker.calls import Calls
from broker.group_members import MAX_WAIT_MS, Group, Member
from broker.process import Failure

TICK_SECONDS = 0.005


class Outcome(NamedTuple):
    """What became of the heartbeats of a while."""

    count: int
    # From when each was due to its answer; ascending. None of those that waited.
    latencies_us: list[float]


class Beat:
    """A member's heartbeat, encoded once."""

    def __init__(self, calls: Calls, group: Group, member: Member, max_wait_ms: int) -> None:
        self.channel, self.name = member.channel, member.name
        self.call = calls.reserve(member.channel)
        self.frame = wire.call(self.call, group_calls.HEARTBEAT, group.heartbeat(member, max_wait_ms))
        self.interval_ms = member.interval_ms
        self.expected = (member.epoch, member.owned)
        self.answer = b""

    def check(self, answer: wire.Answer) -> None:
        """Throws Failure where an answer tells any news."""
        if answer.error is None and answer.message == self.answer:
            return
        told = group_calls.heard(answer.message) if answer.error is None else None
        if told is None or (told.epoch, told.partitions) != self.expected:
            raise Failure(f"the heartbeat of {self.name} was answered with {answer.error or told}")
        self.answer = answer.message


class Beats:
    """One heartbeat of each member in an interval, evenly over it; answered at once."""

    def __init__(self, calls: Calls, settled: list[Group]) -> None:
        self.calls = calls
        # Members of one group are far apart.
        self.beats = [Beat(calls, group, member, 0) for group in settled for member in group.members]
        self.interval_seconds = self.beats[0].interval_ms / 1e3
        self.rate = len(self.beats) / self.interval_seconds
        self.sent = self.answered = 0
        self.latencies: list[float] = []
        self.start = time.monotonic()

    def run(self, seconds: float) -> Outcome:
        """Throws Failure where one is not answered before the next is due, or tells news."""
        self.start, self.sent, self.answered, self.latencies = time.monotonic(), 0, 0, []
        end = self.start + seconds
        self.tick(end)
        self.calls.run(lambda: False, end)
        if not self.calls.run(lambda: self.answered == self.sent, time.monotonic() + 10):
            raise Failure(f"{self.sent - self.answered} heartbeats were not answered")
        return Outcome(self.answered, sorted(self.latencies))

    def tick(self, end: float) -> None:
        now = time.monotonic()
        while self.sent < (min(now, end) - self.start) * self.rate:
            beat = self.beats[self.sent % len(self.beats)]
            if beat.call in beat.channel.waiting:
                raise Failure(f"the heartbeat of {beat.name} was not answered within its interval")
            self.send(beat, self.start + self.sent / self.rate)
            self.sent += 1
        if now < end:
            self.calls.later(now + TICK_SECONDS, lambda: self.tick(end))

    def send(self, beat: Beat, due: float) -> None:
        def answered(answer: wire.Answer) -> None:
            beat.check(answer)
            self.latencies.append((time.monotonic() - due) * 1e6)
            self.answered += 1

        self.calls.send(beat.channel, beat.call, beat.frame, answered)


class WaitingBeats:
    """A heartbeat of each member is at the broker all the time, and waits for news that do not come."""

    def __init__(self, calls: Calls, settled: list[Group]) -> None:
        self.calls = calls
        self.beats = [Beat(calls, group, member, MAX_WAIT_MS) for group in settled for member in group.members]
        self.answered = 0

    def begin(self, spread_seconds: float) -> None:
        """Sends the first of each, evenly over so long, and returns then."""
        start = time.monotonic()
        for place, beat in enumerate(self.beats):
            self.calls.later(start + spread_seconds * place / len(self.beats), lambda beat=beat: self.send(beat))
        self.calls.run(lambda: False, start + spread_seconds)

    def run(self, seconds: float) -> Outcome:
        """Throws Failure where one tells news."""
        self.answered = 0
        self.calls.run(lambda: False, time.monotonic() + seconds)
        return Outcome(self.answered, [])

    def send(self, beat: Beat) -> None:
        def answered(answer: wire.Answer) -> None:
            beat.check(answer)
            self.answered += 1
            self.send(beat)

        self.calls.send(beat.channel, beat.call, beat.frame, answered)
