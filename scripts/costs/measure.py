"""What requests cost a broker: heap allocations, counted in front of malloc, and instructions, counted by callgrind."""

import collections
import os
import pathlib
import re
import shutil
import subprocess
import time

from broker.process import Broker, Failure

from .counters import Counters, Stack
from .load import Load, loads, prepare, run

# The broker ends the work of an answer after it was sent.
SETTLE_SECONDS = 0.1
# So many times more requests than under valgrind, which is some 50 times slower.
ALLOCATION_TIMES = 10
PATIENCE_SECONDS = 60
SDK_RECORDS = (50_000, 250_000)
SDK_MORE_READS = 4
# One loop, whose turns are not cut short: under valgrind few calls would fit into one. How often it looked for more behind
# a turn would depend on the machine.
ONE_LOOP = ("--event-loops", "1", "--turn-us", "1000000", "--busy-poll-us", "0")
TOTALS = re.compile(r"^totals: (\d+)", re.MULTILINE)


def counted_broker(tailrace: str, library: str, work: pathlib.Path) -> tuple[Broker, Counters]:
    """A broker whose allocations are counted."""
    path = work / "counters"
    counters = Counters(path)
    broker = Broker(tailrace, work / "counted", ONE_LOOP, environment={"LD_PRELOAD": library, "HOT_PATH_COUNTERS": str(path)})
    return broker, counters


def allocations(tailrace: str, library: str, work: pathlib.Path) -> dict[str, float]:
    """Of a request, by load. `library`: count_allocations.c, compiled."""
    broker, counters = counted_broker(tailrace, library, work)
    costs = {}
    with broker, broker.connect() as connection:
        prepare(connection)
        for load in loads():
            run(connection, load)
            time.sleep(SETTLE_SECONDS)
            before, _ = counters.read()
            run(connection, load, ALLOCATION_TIMES)
            time.sleep(SETTLE_SECONDS)
            after, _ = counters.read()
            costs[load.name] = (after - before) / (load.requests * ALLOCATION_TIMES)
        broker.stop()
    if not any(costs.values()):
        raise Failure(f"no allocation was counted: does {tailrace} call malloc of a shared C library?")
    return costs


def sdk_allocations_per_record(tailrace: str, library: str, work: pathlib.Path) -> dict[str, float]:
    """Of a record that is consumed through the Swift SDK, and of one that is produced and consumed; those of the broker
    included, which has nearly none for a record. They are what more records cost more: start and end do not count."""

    def total(records: int, reads: int) -> int:
        path = work / f"sdk-{records}-{reads}"
        counters = Counters(path)
        command = [tailrace, "bench", "sdk", "--rounds", "1", "--warm-up", "0", "--records", str(records),
                   "--reads", str(reads), "--directory", str(work)]
        environment = {**os.environ, "LD_PRELOAD": library, "HOT_PATH_COUNTERS": str(path)}
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, env=environment)
        if done.returncode != 0:
            raise Failure(f"{' '.join(command)} failed: {done.stderr[-500:]}")
        return counters.read()[0]

    few, many = SDK_RECORDS
    once = total(many, 1)
    return {
        "produced and consumed": (once - total(few, 1)) / (many - few),
        "consumed": (total(many, 1 + SDK_MORE_READS) - once) / (many * SDK_MORE_READS),
    }


def stacks(tailrace: str, library: str, work: pathlib.Path, load: Load) -> tuple[collections.Counter[Stack], int]:
    """All allocations of the requests of a load, and where the program is in memory."""
    broker, counters = counted_broker(tailrace, library, work)
    with broker, broker.connect() as connection:
        prepare(connection)
        run(connection, load)
        time.sleep(SETTLE_SECONDS)
        counters.record(True)
        run(connection, load)
        time.sleep(SETTLE_SECONDS)
        counters.record(False)
        name = str(pathlib.Path(tailrace).resolve())
        mapped = pathlib.Path(f"/proc/{broker.pid}/maps").read_text("utf-8").splitlines()
        base = next(int(line.partition("-")[0], 16) for line in mapped if line.endswith(name))
        broker.stop()
    return counters.stacks(), base


def instructions(tailrace: str, work: pathlib.Path, keep: pathlib.Path | None) -> dict[str, float]:
    """Of a request, by load, without those of the kernel. `keep`: where callgrind's profile of each load goes."""
    # Valgrind 3.19 gives up on the debug information of Swift's objects, which is not needed here.
    program = str(work / "tailrace")
    subprocess.run(["strip", "--strip-debug", "-o", program, tailrace], check=True)
    profile, pipes = work / "callgrind", f"--vgdb-prefix={work / 'vgdb'}"
    prefix = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", "--dump-line=no", pipes]
    costs = {}

    def dump() -> pathlib.Path:
        """Writes a profile of all since the one before."""
        command = ["vgdb", pipes, f"--pid={broker.pid}", "dump"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        files = work.glob("callgrind.*")
        newest = max(files, key=lambda file: int(file.suffix[1:]), default=None)
        if done.returncode != 0 or newest is None:
            raise Failure(f"vgdb failed; may processes be traced (ptrace) here? {done.stderr[-500:]}")
        return newest

    with Broker(program, work / "traced", ONE_LOOP, prefix) as broker, broker.connect() as connection:
        prepare(connection)
        for load in loads():
            run(connection, load)
            dump()
            run(connection, load)
            time.sleep(SETTLE_SECONDS)
            file = dump()
            costs[load.name] = int(TOTALS.search(file.read_text("utf-8", "replace"))[1]) / load.requests
            if keep is not None:
                shutil.copy(file, keep / f"callgrind.{load.name}")
        broker.stop()
    return costs
