"""How much of the machine others use: a round that they disturb says nothing about the broker."""

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from broker.proc import TICKS, cpu_seconds, machine_seconds

_REST_SECONDS = 0.04


class Timed(NamedTuple):
    """What a round gave, and the cores in use meanwhile."""

    value: float
    ours: tuple[float, ...]
    others: float


def timed(work: Callable[[], float], pids: Iterable[int]) -> Timed:
    """Runs `work`; cores that each of `pids` used, and those used by processes that are not among them."""
    pids = tuple(dict.fromkeys(pids))
    before, machine, begin = [cpu_seconds(pid) for pid in pids], machine_seconds(), time.monotonic()
    value = work()
    elapsed = time.monotonic() - begin
    ours = tuple((cpu_seconds(pid) - used) / elapsed for pid, used in zip(pids, before))
    return Timed(value, ours, max(0.0, (machine_seconds() - machine) / elapsed - sum(ours)))


class Patience:
    """Has measurements repeated during which others used the machine, `repeats` times each at most, and for a bounded
    time in all: who is there for good would have all of it at once."""

    def __init__(self, most_others: float, seconds: float, repeats: int):
        self.most_others = most_others
        self.seconds_left = seconds
        self.repeats = repeats
        # Measurements that were kept, and those of them that others disturbed.
        self.kept = self.disturbed = 0

    def undisturbed(self, measure: Callable[[], Timed]) -> Timed:
        """The first measurement during which others used at most `most_others` cores; without patience left, the least
        disturbed so far."""
        found = [measure()]
        while found[-1].others > self.most_others and self.seconds_left > 0 and len(found) <= self.repeats:
            begin = time.monotonic()
            found.append(measure())
            self.seconds_left -= time.monotonic() - begin
        best = min(found, key=lambda one: one.others)
        self.kept += 1
        self.disturbed += best.others > self.most_others
        return best


def await_rest(pid: int, most_seconds: float) -> None:
    """Waits until a process does next to nothing, for a bounded time."""
    end = time.monotonic() + most_seconds
    while time.monotonic() < end:
        used = cpu_seconds(pid)
        time.sleep(_REST_SECONDS)
        if cpu_seconds(pid) - used < 2 / TICKS:
            break
