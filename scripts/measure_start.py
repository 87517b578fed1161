"""Runs a command several times and prints how long it takes from exec to exit. Usage: measure_start.py [--runs N]
[--bound-ms MS] COMMAND...; fails where the shortest run is not below the bound, or a run fails. What else runs on a machine
makes runs longer and never shorter: ten times as many are made where it takes so many for one that is below."""

import argparse
import os
import statistics
import sys
import time


def run(command: list[str]) -> tuple[float, float]:
    """Milliseconds by the clock, and of processor time. Throws RuntimeError where the command fails."""
    begin = time.perf_counter()
    null = [(os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_RDWR, 0) for number in (0, 1)]
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=null)
    _, status, usage = os.wait4(pid, 0)
    elapsed = time.perf_counter() - begin
    if status != 0:
        raise RuntimeError(f"{' '.join(command)} ended with status {os.waitstatus_to_exitcode(status)}")
    return elapsed * 1000, (usage.ru_utime + usage.ru_stime) * 1000


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--bound-ms", type=float, default=20)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    try:
        times = [run(options.command) for _ in range(options.runs)]
        while min(times)[0] >= options.bound_ms and len(times) < 10 * options.runs:
            times.append(run(options.command))
    except (RuntimeError, OSError) as error:
        print(f"measure_start: {error}", file=sys.stderr)
        return 1
    clock = [elapsed for elapsed, _ in times]
    name = " ".join([os.path.basename(options.command[0]), *options.command[1:]])
    print(
        f"{name:<50.50} {min(clock):6.1f} ms, median {statistics.median(clock):.1f} ms,"
        f" processor {min(cpu for _, cpu in times):.1f} ms, {len(times)} runs"
    )
    if min(clock) < options.bound_ms:
        return 0
    print(f"measure_start: {min(clock):.1f} ms; the bound is {options.bound_ms:g} ms", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
