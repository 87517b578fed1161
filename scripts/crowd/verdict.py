"""What the measurements of one kind of neighbour come to."""

import statistics
from typing import NamedTuple

# The p99 beside a bad neighbour may be so many times what it is without.
BOUND = 2.0
FAILED = "FAILED"


class Figures(NamedTuple):
    """Of one kind of neighbour: medians over the rounds, p99 in microseconds and cores in use."""

    title: str
    alone: float
    beside: float
    broker_cores: float
    neighbour_cores: float
    # The lower quartile of `beside`.
    least_beside: float

    @property
    def ratio(self) -> float:
        return self.beside / self.alone


def figures(title: str, alone: list[float], beside: list[float], broker: list[float], own: list[float]) -> Figures:
    least = sorted(beside)[(len(beside) - 1) // 4]
    return Figures(title, *(statistics.median(values) for values in (alone, beside, broker, own)), least)


def verdict(found: Figures, unavoidable: float) -> str:
    """"ok", "ok, cores shared" or FAILED. `unavoidable`: p99 beside as much that is not the broker's work.

    Whoever keeps a core busy takes it from the load and the broker's threads, however fairly the broker treats its
    connections. What that alone costs is no fault of the broker's.
    """
    if found.ratio <= BOUND:
        return "ok"
    return "ok, cores shared" if found.beside <= BOUND * unavoidable else FAILED


HEAD = f"{'neighbour':<36} {'alone':>8} {'beside':>10} {'ratio':>8}   cores: broker, neighbour"


def line(found: Figures, text: str) -> str:
    """A line of the table."""
    return (
        f"{found.title:<36} {found.alone:>5.0f} us {found.beside:>7.0f} us {found.ratio:>8.2f}"
        f"   {found.broker_cores:>5.2f}, {found.neighbour_cores:4.2f}   {text}".rstrip()
    )
