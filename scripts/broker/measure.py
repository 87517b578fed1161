"""What measurements have in common: their options, their lines of JSON, and how they end."""

import argparse
import json
import os
import pathlib
import shutil
import signal
import sys
from typing import Callable, Optional, Sequence

from broker.process import Failure
from broker.responses import BrokerError
from broker.wire import Malformed


def program(text: str) -> str:
    """The absolute path of a program, which may be named without one."""
    found = shutil.which(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"there is no program {text!r}")
    return os.path.abspath(found)


def directory(text: str) -> pathlib.Path:
    """A directory that is there and can be written to."""
    path = pathlib.Path(text).resolve()
    if not path.is_dir() or not os.access(path, os.W_OK):
        raise argparse.ArgumentTypeError(f"cannot write to {text!r}")
    return path


def bounded(lowest: float, highest: float, kind: Callable = int) -> Callable[[str], float]:
    """A number in bounds, both inclusive."""

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} is no number of {lowest:,} to {highest:,}")
        return value

    return parse


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those that scripts/bench gives every measurement."""
    parser.add_argument("--tailrace", required=True, type=program, help="the program")
    parser.add_argument("--directory", required=True, type=directory, help="where temporary data goes")
    parser.add_argument("--rounds", type=bounded(1, 100), default=5, help="measurements taken")
    parser.add_argument("--seconds", type=bounded(0.1, 600, float), default=2.0, help="of load in each")


def percentile(ordered: Sequence[float], share: float) -> float:
    """Of numbers in ascending order, at least one: the lowest that so large a share of them does not exceed."""
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def latencies(ordered_us: Sequence[float]) -> dict[str, float]:
    """Members of a line, from latencies in ascending order; none where there are none."""
    if not ordered_us:
        return {}
    shares = {"p50_us": 0.5, "p99_us": 0.99, "p999_us": 0.999}
    found = {name: percentile(ordered_us, share) for name, share in shares.items()}
    return {name: round(value, 3) for name, value in {**found, "max_us": ordered_us[-1]}.items()}


def report(name: str, count: int, **members: object) -> None:
    """Prints a measurement: an object on a line of its own. A reference's name has a comma in it."""
    print(json.dumps({"name": name, "count": count, **members}), flush=True)


def main(measure: Callable[[], Optional[int]]) -> int:
    """Runs a measurement, which may return a status; what it fails of is told in one line. Signals end it in order, its
    brokers first."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        return measure() or 0
    except (BrokerError, Failure, Malformed, OSError) as error:
        print(f"{os.path.basename(sys.argv[0])}: {error}", file=sys.stderr)
        return 1
