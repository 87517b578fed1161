"""What scripts/bench-peers measures, and what of it goes into the table."""

from typing import NamedTuple, Optional

# End to end, records per second.
RATE = 5000


class Figure(NamedTuple):
    """A row of the table: a value of a workload's measurements."""

    key: str
    unit: str
    more_is_better: bool


PER_SECOND = Figure("per_second", "records/s", True)
OPERATIONS = Figure("per_second", "ops/s", True)
P50 = Figure("p50_us", "p50, µs", False)
P99 = Figure("p99_us", "p99, µs", False)
P999 = Figure("p999_us", "p99.9, µs", False)


class Workload(NamedTuple):
    """One thing that each server does on its own, freshly started."""

    name: str
    title: str
    # Of the client. None: only the start is measured.
    mode: Optional[str]
    figures: tuple[Figure, ...]
    size: int = 1024
    connections: int = 1
    # Page cache or fsync before the acknowledgement, of all servers alike.
    durable: bool = False


WORKLOADS = [
    Workload("produce-100", "produce 100 B, pipelined, 1 connection", "produce", (PER_SECOND,), size=100),
    Workload("produce-1k", "produce 1 KiB, pipelined, 1 connection", "produce", (PER_SECOND,)),
    Workload("produce-1k-8", "produce 1 KiB, pipelined, 8 connections", "produce", (PER_SECOND,), connections=8),
    Workload("single-1", "100 B, 1 connection, 1 in flight", "one-in-flight", (OPERATIONS, P50, P99), size=100),
    Workload(
        "single-64",
        "100 B, 64 connections, 1 in flight each",
        "one-in-flight",
        (OPERATIONS, P50, P99),
        size=100,
        connections=64,
    ),
    Workload(
        "consume-1k",
        "consume 1 KiB, 1 connection",
        "consume",
        (PER_SECOND, Figure("server_resident_mb", "memory after, MB", False)),
    ),
    Workload("end-to-end", f"end to end, 1 KiB, {RATE:,}/s open loop", "end-to-end", (P50, P99, P999)),
    Workload(
        "durable-1k", "fsync: produce 1 KiB, pipelined, 1 connection", "produce", (PER_SECOND,), durable=True
    ),
    Workload(
        "durable-single-1",
        "fsync: 100 B, 1 connection, 1 in flight",
        "one-in-flight",
        (OPERATIONS, P50, P99),
        size=100,
        durable=True,
    ),
    Workload(
        "durable-single-64",
        "fsync: 100 B, 64 connections, 1 in flight each",
        "one-in-flight",
        (OPERATIONS, P50, P99),
        size=100,
        connections=64,
        durable=True,
    ),
    Workload(
        "start",
        "start in an empty directory",
        None,
        (
            Figure("start_ms", "to the first acknowledgement, ms", False),
            Figure("idle_resident_mb", "memory idle, MB", False),
        ),
    ),
]
