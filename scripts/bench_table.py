"""The workloads of scripts/bench, and the table of what they came to.

Usage: bench_table.py list           a line for each: number, name, and what follows `tailrace bench`, or a script
       bench_table.py table DIR      the table, from what they printed to DIR/NUMBER.jsonl
"""

import dataclasses
import json
import pathlib
import statistics
import sys

RECORDS = ("records_per_second", "records/s")
MEGABYTES = ("mb_per_second", "MB/s")
CALLS = ("per_second", "calls/s")
P50, P99, P999 = ("p50_us", "us p50"), ("p99_us", "us p99"), ("p999_us", "us p99.9")

MEMORY, START = ("resident_mb", "MB"), ("start_ms", "ms")
COST, FIRST = ("server_cpu_us", "us CPU each"), ("first_us", "us the first")
SETTLED, SETTLED_AGAIN = ("join_ms", "ms to settle"), ("leave_ms", "ms after one left")
SHARE = ("core_percent", "% of a core")

ALONE = "--record-size 100 --records-per-batch 1 --depth 1"
PEERS = "ahead of other brokers"


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    settings: str
    # Of `tailrace bench`; or a script beside this one, and its arguments.
    arguments: str
    # Members of a measurement, each with its unit; the ratio is of the first.
    figures: tuple[tuple[str, str], ...]
    bar: str
    # "own": what the benchmark measures beside; else nothing, or another workload by its name.
    reference: str = "own"


WORKLOADS = [
    Workload("R1", "no-op calls, 8 connections, 64 in flight each", "rpc --connections 8 --depth 64", (CALLS,),
             ">= 0.7 of a C epoll echo"),
    Workload("R2", "no-op calls, one at a time", "rpc --connections 1 --depth 1", (P50,), "<= 1.25 of a C epoll echo"),
    Workload("W1", "produce 100 B, 64 KiB batches, written", "produce --record-size 100", (RECORDS, MEGABYTES),
             ">= 4,000,000 records/s; " + PEERS),
    Workload("W2", "produce 1 KiB, 64 KiB batches, written", "produce", (MEGABYTES,),
             ">= 1,000 MB/s, or 0.8 of file writes; " + PEERS),
    Workload("W2", "the same, 8 connections", "produce --connections 8", (MEGABYTES,),
             ">= 1,000 MB/s, or 0.8 of file writes; " + PEERS),
    Workload("W3", "produce 1 KiB, 64 KiB batches, durable", "produce --acks durable", (MEGABYTES,),
             ">= 0.8 of group commit into a raw file"),
    Workload("W3", "the same, 64 connections", "produce --acks durable --connections 64", (MEGABYTES,),
             ">= 0.8 of group commit into a raw file"),
    Workload("W4", "one 100 B record at a time, written", f"produce {ALONE}", (RECORDS, P50), PEERS, ""),
    Workload("W4", "one 100 B record at a time, durable", f"produce {ALONE} --acks durable", (RECORDS, P50), PEERS),
    Workload("W5", "the same, written, 64 connections", f"produce {ALONE} --connections 64", (RECORDS, P99), PEERS, ""),
    Workload("W5", "the same, durable, 64 connections", f"produce {ALONE} --connections 64 --acks durable",
             (RECORDS, P99), PEERS),
    Workload("F1", "fetch 1 MiB at a time, 1 consumer", "fetch", (MEGABYTES,), ">= 0.8 of C sendfile; " + PEERS),
    Workload("F2", "the same, 16 consumers", "fetch --connections 16", (MEGABYTES,), ">= 1.0 of F1", "F1"),
    Workload("E1", "end to end, 1 KiB, 5,000/s, written", "end-to-end", (P50, P99, P999),
             "p50 < 120 us, p99 < 500 us; " + PEERS, ""),
    Workload("S1", "Swift SDK, 1 KiB, default settings: produce", "sdk --only produce", (MEGABYTES, RECORDS),
             ">= 1,000,000 records/s, and 0.67 of W2", "W2"),
    Workload("S1", "the same: consume, record by record", "sdk --only consume", (MEGABYTES, RECORDS),
             ">= 1,500,000 records/s, and 0.67 of F1", "F1"),
    Workload("M1", "memory, idle over an empty directory", "bench_memory.py idle",
             (MEMORY, ("anonymous_mb", "MB anonymous")), "<= 20 MB", ""),
    Workload("M1", "memory after W2 and F1", "bench_memory.py load", (MEMORY, ("most_mb", "MB at most")),
             "<= 100 MB", ""),
    Workload("M1", "start to the first answer, empty directory", "bench_memory.py start", (START,), "<= 100 ms", ""),
    Workload("M1", "the same, 1,000 partitions", "bench_memory.py start-1000", (START,), "< 1,000 ms", ""),
    *[Workload("N1", f"20,000 records/s into {count:,} partitions", f"bench_growth.py produce --partitions {count}",
               (COST, P50, P99), "< 2 of one partition") for count in (100, 1000, 10000)],
    *[Workload("N1", f"look-up by {by} in a log of {gib} GiB", f"bench_growth.py look-up --by {by} --mib {gib << 10}",
               (COST, P50, P99, FIRST), "logarithmic: < 2 of 1 MiB") for by in ("offset", "time") for gib in (1, 100)],
    *[Workload("C1", f"1,000 members join a group of {count:,} partitions, one leaves",
               f"bench_groups.py storm --members 1000 --partitions {count}", (SETTLED, SETTLED_AGAIN), bar, "")
      for count, bar in ((1000, "< 2,000 ms each; nobody else loses a partition"), (10000, "–"))],
    *[Workload("C2", f"commits of an offset, {text}; durable produces of a record",
               f"bench_groups.py commits --connections {connections} --depth {depth}", (CALLS, P50, P99),
               ">= 10,000 calls/s")
      for connections, depth, text in ((64, 1, "64 connections"), (1, 64, "1 connection, 64 in flight"))],
    *[Workload("C3", f"heartbeats of 10,000 members in {count} groups, every 5 s; kept until there is news",
               f"bench_groups.py heartbeats --groups {count} --members {10000 // count}", (SHARE,), "< 50 % of a core")
      for count in (100, 2)],
    Workload("C4", "start to the first answer over a million commits, killed; compacted",
             "bench_groups.py start --groups 1000 --partitions 100 --times 10", (START, MEMORY), "< 2,000 ms"),
]


def medians(workload: Workload, lines: list[dict], of_reference: bool) -> list[float]:
    """Of each figure of the broker, or of what it is held against, over the rounds; empty where there is none."""
    # A reference is named as the broker's measurement, with ", C something" behind. Ratios of the run are left out.
    measured = [line for line in lines if "count" in line and (", " in line["name"]) == of_reference]
    return [statistics.median(line[member] for line in measured) for member, _ in workload.figures] if measured else []


def shown(workload: Workload, values: list[float]) -> str:
    parts = [
        f"{value:,.0f} {unit}" if value >= 100 else f"{value:.1f} {unit}"
        for value, (_, unit) in zip(values, workload.figures)
    ]
    return ", ".join(parts) or "–"


def table(results: dict[int, list[dict]]) -> str:
    """Markdown. `results`: the objects that each workload printed, by its number; those that failed are not in it."""
    rows = [["workload", "settings", "ours", "reference", "ratio", "bar"], ["---"] * 6]
    first_of_name: dict[str, list[float]] = {}
    for number, workload in enumerate(WORKLOADS):
        lines = results.get(number, [])
        ours = medians(workload, lines, of_reference=False)
        first_of_name.setdefault(workload.name, ours)
        reference: list[float] = []
        if workload.reference == "own":
            reference = medians(workload, lines, of_reference=True)
        elif workload.reference:
            reference = first_of_name[workload.reference]
        ratio = f"{ours[0] / reference[0]:.2f}" if ours and reference and reference[0] else "–"
        rows.append([
            workload.name, workload.settings, shown(workload, ours) if ours else "failed",
            shown(workload, reference), ratio, workload.bar,
        ])
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def read(directory: pathlib.Path) -> dict[int, list[dict]]:
    results = {}
    for number in range(len(WORKLOADS)):
        path = directory / f"{number}.jsonl"
        if path.exists():
            results[number] = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return results


def main(arguments: list[str]) -> int:
    match arguments:
        case ["list"]:
            for number, workload in enumerate(WORKLOADS):
                print(number, workload.name, workload.arguments, sep="\t")
        case ["table", directory]:
            print(table(read(pathlib.Path(directory))), end="")
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
