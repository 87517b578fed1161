"""What it costs the load that a machine is busy with what is not the broker's: no fault of the broker's."""

from collections.abc import Callable

from . import verdict
from .process import Background
from .rounds import Rounds

# Busy loops at a time, at the broker's priority: with the load, up to three threads that want a core.
LOOPS = (1, 2)
_ROUNDS, _MOST_SECONDS = 7, 10


def _busy(ready: Callable[[], None]) -> None:
    ready()
    while True:
        pass


def worst(rounds: Rounds) -> float:
    """Measures the controls, prints them, and returns the highest upper quartile of p99, microseconds: what such a
    machine does to the load now and then."""
    found = [_measure(rounds, count) for count in LOOPS]
    return max(figures.high_beside for figures in found)


def _measure(rounds: Rounds, count: int) -> verdict.Figures:
    title = f"- {count} busy loop{'s' if count > 1 else ''}, broker's priority"
    found = rounds.run(title, Background(_busy, niceness=0, count=count), _ROUNDS, _MOST_SECONDS)
    print(verdict.line(found, f"control; upper quartile {found.high_beside:,.0f} us"), flush=True)
    return found
