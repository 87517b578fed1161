"""What a request may cost the broker, and what it is to cost one day.

The figures are exact to a few thousandths where requests come alone. Pipelined, they depend on how many of them the
broker reads at a time. Lower a bound once the code does better (the check says so); raise one only with a reason.
"""

from typing import NamedTuple

from .load import BATCHES_OF_1_MIB, RECORDS_OF_64_KIB

# By "allocations" or "instructions", then by load: of one request. Either may be missing, and loads.
Costs = dict[str, dict[str, float]]


class Bound(NamedTuple):
    # Heap allocations, and instructions in user space, of a request at most.
    allocations: float
    instructions: int


# By the name of a load. Instructions are what was measured and a tenth: compilers and libraries differ.
BOUNDS = {
    "ping": Bound(0.1, 2_020),
    "ping-alone": Bound(0.1, 10_400),
    # The completion of the append; the rest is of a turn.
    "produce-1": Bound(1.5, 9_600),
    # Raised from 23,200: what may follow is looked for in a task behind the turn. It takes fewer instructions to read it
    # there than NIO does, but here nothing follows at once.
    "produce-1-alone": Bound(5.2, 25_200),
    # 8 are 512 KiB, which the broker takes in several reads: how many depends on the machine.
    "produce-64k": Bound(5.6, 128_000),
    # As with one record.
    "produce-64k-alone": Bound(5.2, 118_000),
    # Read where it lies, and answered from a buffer that was lent.
    "fetch-1": Bound(0.1, 14_300),
    "fetch-1-alone": Bound(0.1, 23_400),
    # Sent from the file, 256 KiB at a time: 16 batches cost little more than one.
    "fetch-1m": Bound(30.0, 92_600),
    "fetch-1m-alone": Bound(25.0, 90_200),
}

# The goal for pipelined Produce and Fetch. Bounds above it are where the code is, not where it is to be.
GOAL_ALLOCATIONS = 2.0

# What one more record in a request or answer may cost: a load with many records less one with a single record, by how
# many more there are. To allocate for each would make it 1 or more; a buffer that grows with them stays far below.
ALLOCATIONS_PER_RECORD = 0.01
PER_RECORD = {
    "produce": ("produce-1-alone", "produce-64k-alone", RECORDS_OF_64_KIB - 1),
    "fetch": ("fetch-1-alone", "fetch-1m-alone", BATCHES_OF_1_MIB * RECORDS_OF_64_KIB - 1),
}

# What a record may cost that goes through the Swift SDK, one by one, without headers. The first was 0.7 to 0.8; how many
# records share a batch, and its dozens of allocations, depends on the machine. Two buffers for each record more, one at
# either end, would pass it. The second is a promise to users.
SDK_ALLOCATIONS_PER_RECORD = {"produced and consumed": 2.0, "consumed": 1.0}

# A bound that is higher than this many times the figure is worth lowering, where it is more than a rounding away.
LOOSE, LEAST_LOOSE = 1.35, 0.2


def per_record(costs: Costs) -> dict[str, float]:
    """Allocations of one more record, by the name of what is done with it, where both of its loads were measured."""
    allocations = costs.get("allocations", {})
    return {
        name: (allocations[many] - allocations[one]) / more
        for name, (one, many, more) in PER_RECORD.items() if one in allocations and many in allocations
    }


def failures(costs: Costs) -> list[str]:
    """What passes its bound, a sentence each."""
    found = [
        f"{load}: {figure:,.2f} {kind} per request; the bound is {getattr(BOUNDS[load], kind):,}"
        for kind, figures in costs.items() for load, figure in figures.items()
        if figure > getattr(BOUNDS[load], kind)
    ]
    found += [
        f"{name}: {figure:.4f} allocations per record; the bound is {ALLOCATIONS_PER_RECORD}"
        for name, figure in per_record(costs).items() if figure > ALLOCATIONS_PER_RECORD
    ]
    return found


def sdk_failures(figures: dict[str, float]) -> list[str]:
    """The same of records that go through the Swift SDK. Nothing counted is as bad: then the count is broken."""
    return [
        f"Swift SDK: {figures.get(name, 0):.2f} allocations for a record that is {name}; the bound is {bound}"
        for name, bound in SDK_ALLOCATIONS_PER_RECORD.items() if not 0 < figures.get(name, 0) <= bound
    ]


def loose(costs: Costs) -> list[str]:
    """The bounds that may be lowered, a sentence each."""
    return [
        f"{load}: the bound may be lowered: {figure:,.2f} {kind} per request, and it is {getattr(BOUNDS[load], kind):,}"
        for kind, figures in costs.items() for load, figure in figures.items()
        if getattr(BOUNDS[load], kind) > max(LOOSE * figure, figure + LEAST_LOOSE)
    ]


def table(costs: Costs) -> str:
    """A line for each load that was measured: what a request costs, and the bound."""
    kinds = [kind for kind in Bound._fields if kind in costs]
    rows = [["per request", *(cell for kind in kinds for cell in (kind, "bound"))]]
    for load, bound in BOUNDS.items():
        row = [load]
        for kind in kinds:
            figure = costs[kind].get(load)
            row += ["-" if figure is None else shown(kind, figure), shown(kind, getattr(bound, kind))]
        rows.append(row)
    rows += [[f"a record of {name}", f"{figure:.4f}", f"{ALLOCATIONS_PER_RECORD}"]
             for name, figure in per_record(costs).items()]
    return "\n".join(row[0].ljust(20) + "".join(cell.rjust(14) for cell in row[1:]) for row in rows)


def shown(kind: str, figure: float) -> str:
    return f"{figure:,.2f}" if kind == "allocations" else f"{figure:,.0f}"
