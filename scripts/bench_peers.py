#!/usr/bin/env python3
"""Measures Tailrace and other servers in turn; scripts/bench-peers says what that is about, and finds the programs.

Each measurement starts its server anew. All servers take their turn in a round of a workload, then comes the next round.
"""

import argparse
import json
import os
import pathlib
import platform
import signal
import subprocess
import sys
import time
from typing import NamedTuple

from broker.measure import program
from broker.process import Failure
from peers import table
from peers.servers import KINDS, Binaries, Kind, Server
from peers.workloads import RATE, WORKLOADS, Workload

# So many bytes are the most that a produce run sends: more would wait for the disk, and not for the server.
MAX_PRODUCED_BYTES = 2 << 30
# What the client may take beyond the time that it sends for.
PATIENCE_SECONDS = 90


class Lengths(NamedTuple):
    """How long a measurement takes, seconds."""

    run: float
    end_to_end: float
    idle: float


FULL, QUICK = Lengths(run=4, end_to_end=10, idle=2), Lengths(run=1, end_to_end=2, idle=0.5)


class Bench:
    """Runs workloads; `work` is a directory for the servers' data."""

    def __init__(self, binaries: Binaries, work: pathlib.Path, lengths: Lengths) -> None:
        self.binaries = binaries
        self.work = work
        self.lengths = lengths

    def client(self, server: Server, mode: str, stream: str, options: dict[str, object]) -> dict:
        """Runs the load generator; returns what it printed. Throws Failure."""
        command = [self.binaries.client, "--protocol", server.kind.name, "--port", str(server.port), "--mode", mode]
        for name, value in {"stream": stream, **options}.items():
            command += [f"--{name}", str(value)]
        limit = max(self.lengths) + PATIENCE_SECONDS
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired as error:
            raise Failure(f"the client was not done after {limit:.0f} s") from error
        if done.returncode:
            raise Failure(f"{done.stderr.strip()}; {server.kind.title} said: {server.last_words()}")
        return json.loads(done.stdout)

    def measure(self, workload: Workload, kind: Kind) -> dict:
        """Runs a workload on a fresh server. Throws Failure."""
        os.sync()
        promise = {"durable": int(workload.durable)}
        options = self.options(workload, kind)
        with Server(kind, self.binaries, self.work / kind.name, workload.durable) as server:
            first = self.client(server, "first", "first", {**promise, "size": 100})
            started = {"start_ms": round((first["monotonic_ns"] - server.started_ns) / 1e6, 3)}
            if workload.mode is None:
                time.sleep(self.lengths.idle)
                return {**started, "idle_resident_mb": server.resident_mb()}
            if workload.mode == "consume":
                written = self.client(server, "produce", "bench", {**promise, **options})
                options["records"] = written["records"]
            cpu = server.cpu_seconds()
            result = self.client(server, workload.mode, "bench", {**promise, **options})
            used = {
                "server_cpu_s": round(server.cpu_seconds() - cpu, 3),
                "server_resident_mb": round(server.resident_mb(), 3),
            }
            return {**started, **options, **result, **used}

    def options(self, workload: Workload, kind: Kind) -> dict[str, object]:
        """The client's options for a workload."""
        batch, window = kind.batches[workload.size]
        is_end_to_end = workload.mode == "end-to-end"
        options: dict[str, object] = {
            "size": workload.size,
            "connections": workload.connections,
            "batch": batch,
            "window": window,
            "seconds": self.lengths.end_to_end if is_end_to_end else self.lengths.run,
        }
        if is_end_to_end:
            options["rate"] = RATE
        else:
            options["records"] = MAX_PRODUCED_BYTES // workload.size
        return options


def machine(work: pathlib.Path) -> str:
    """A line about where this runs."""
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    system = subprocess.run(["stat", "--file-system", "--format=%T", str(work)], capture_output=True, text=True)
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{os.cpu_count()} x {model}; Linux {platform.release()}; {system.stdout.strip()}; load averages {load} before"
    )


def describe(binaries: Binaries) -> None:
    """Prints versions and settings."""
    for kind in KINDS:
        done = subprocess.run(kind.version(binaries), capture_output=True, text=True)
        lines = (done.stdout + done.stderr).strip().splitlines() or ["version unknown"]
        print(f"- {kind.title}: {lines[0]}; {kind.settings}; in rows with fsync: {kind.durable_settings}")


def run(bench: Bench, workloads: list[Workload], rounds: range, output: pathlib.Path) -> list[dict]:
    """Takes all measurements, appends each to `output` as a line of JSON, and returns them. Round 0 is the warm-up."""
    measurements = []
    with open(output, "w", encoding="utf-8") as lines:
        for workload in workloads:
            for number in rounds:
                for kind in KINDS:
                    found = {"workload": workload.name, "server": kind.name, "durable": workload.durable}
                    found |= {"round": number, "is_warm_up": number == 0}
                    try:
                        found |= bench.measure(workload, kind)
                    except Failure as failure:
                        found["error"] = str(failure)
                        print(f"{workload.name}, {kind.title}: {failure}", file=sys.stderr)
                    measurements.append(found)
                    lines.write(json.dumps(found) + "\n")
                    lines.flush()
            print(f"{workload.name}: done", file=sys.stderr)
    return measurements


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in Binaries._fields:
        parser.add_argument(f"--{name}", required=True, type=program, help="the program")
    parser.add_argument("--work", required=True, type=lambda text: pathlib.Path(text).resolve(strict=True), help="a directory for the servers' data")
    parser.add_argument("--output", required=True, type=pathlib.Path, help="a file for the measurements")
    parser.add_argument("--rounds", required=True, type=int, choices=range(1, 101), metavar="N")
    parser.add_argument("--quick", action="store_true", help="short measurements without a warm-up")
    names = [workload.name for workload in WORKLOADS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="WORKLOAD", help=", ".join(names))
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    binaries = Binaries(**{name: getattr(arguments, name) for name in Binaries._fields})
    workloads = [workload for workload in WORKLOADS if workload.name in arguments.only]
    bench = Bench(binaries, arguments.work, QUICK if arguments.quick else FULL)
    print(machine(arguments.work))
    describe(binaries)
    print(f"- {arguments.rounds} rounds, {'no warm-up' if arguments.quick else 'after one as a warm-up'}; medians")
    sys.stdout.flush()
    rounds = range(1 if arguments.quick else 0, arguments.rounds + 1)
    measurements = run(bench, workloads, rounds, arguments.output)
    head = ["workload", "unit", *[kind.title for kind in KINDS], "Tailrace / best peer"]
    print("\n" + table.markdown(head, table.rows(workloads, [kind.name for kind in KINDS], measurements)))
    print(f"\nAll measurements: {arguments.output}")
    return 1 if any("error" in found for found in measurements) else 0


if __name__ == "__main__":
    sys.exit(main())
