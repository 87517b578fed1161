"""What the measurements of one kind of neighbour come to."""

import statistics
from typing import NamedTuple

# The p99 beside a bad neighbour may be so many times what it is without, or what it is beside busy loops.
BOUND = 2.0
# Two slices of the scheduler, microseconds: a wait for as long is never held against the broker.
TWO_SLICES_US = 8_000
# Where more than this passes, microseconds, what the check is there for is not seen.
BLIND_US = 20_000

OK, AS_BUSY_LOOPS, FAILED = "ok", "ok, as busy loops", "FAILED"


class Figures(NamedTuple):
    """Of one kind of neighbour: medians over the rounds, p99 in microseconds and cores in use."""

    title: str
    alone: float
    beside: float
    broker_cores: float
    neighbour_cores: float
    # The upper quartile of `beside`.
    high_beside: float

    @property
    def ratio(self) -> float:
        return self.beside / self.alone


def figures(title: str, alone: list[float], beside: list[float], broker: list[float], own: list[float]) -> Figures:
    """From what the rounds gave."""
    high = sorted(beside)[-1 - (len(beside) - 1) // 4]
    return Figures(title, *(statistics.median(values) for values in (alone, beside, broker, own)), high)


def most_beside(worst_control: float, floor_us: float = TWO_SLICES_US) -> float:
    """The p99 that passes as what busy loops cost. `worst_control`: the highest p99 beside those, microseconds;
    `floor_us`: what passes however little that was."""
    return max(BOUND * worst_control, floor_us)


def verdict(found: Figures, most: float) -> str:
    """OK, AS_BUSY_LOOPS or FAILED. `most`: what passes whatever the load has alone.

    Whoever keeps a core busy takes it from the load and the broker's threads, however fairly the broker treats its
    connections: with three busy threads on two cores, one of them waits for slices of some milliseconds. What that
    costs is no fault of the broker's, and comes and goes by chance.
    """
    if found.ratio <= BOUND:
        return OK
    return AS_BUSY_LOOPS if found.beside <= most else FAILED


HEAD = f"{'neighbour':<36} {'alone':>8} {'beside':>10} {'ratio':>8}   cores: broker, neighbour"


def line(found: Figures, text: str) -> str:
    """A line of the table."""
    return (
        f"{found.title:<36} {found.alone:>5.0f} us {found.beside:>7.0f} us {found.ratio:>8.2f}"
        f"   {found.broker_cores:>5.2f}, {found.neighbour_cores:4.2f}   {text}".rstrip()
    )


def rule(worst_control: float) -> str:
    """What passes, in a line."""
    most = most_beside(worst_control)
    why = "twice the worst control" if most > TWO_SLICES_US else (
        f"two slices, though twice the worst control is {BOUND * worst_control:,.0f} us")
    told = f"ok: at most {BOUND:g} times alone. ok, as busy loops: more, and at most {most:,.0f} us, {why}."
    return told + (" Tens of milliseconds pass: the controls were disturbed." if most > BLIND_US else "")


def summary(tried: list[tuple[Figures, str]], worst_control: float) -> list[str]:
    """How many kinds came to what, and which of that says less than it seems to; the count is the last line."""
    verdicts = [text for _, text in tried]
    count = {text: verdicts.count(text) for text in (OK, AS_BUSY_LOOPS, FAILED)}
    by_floor = sum(text == AS_BUSY_LOOPS and found.beside > BOUND * worst_control for found, text in tried)
    unsteady = sum(BOUND * found.alone > TWO_SLICES_US for found, _ in tried)
    lines = []
    if by_floor:
        lines.append(f"{by_floor} kinds cost more than twice what busy loops did, and passed as less than two slices.")
    if unsteady:
        lines.append(f"{unsteady} kinds say little: alone the load had a p99 of more than half of two slices.")
    return lines + [
        f"{len(tried)} kinds of neighbours: {count[OK]} within {BOUND:g} times, {count[AS_BUSY_LOOPS]} as busy loops,"
        f" {count[FAILED]} failed"
    ]
