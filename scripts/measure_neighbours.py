#!/usr/bin/env python3
"""Measures a well-behaved load alone and beside bad neighbours; scripts/neighbours says what that is about."""

import argparse
import sys
import time

from broker import measure
from crowd import churners, controls, floods, heavy, readers, senders, topics, verdict
from crowd.load import Load
from crowd.rounds import Rounds
from crowd.trial import ROUNDS, Trial

KINDS = {kind.name: kind for module in (readers, senders, churners, floods, heavy) for kind in module.KINDS}
WARM_UP_SECONDS = 0.5


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", required=True, help="the load generator, a shared library")
    parser.add_argument("--port", required=True, type=int, help="where the broker listens, on 127.0.0.1")
    parser.add_argument("--broker", required=True, type=int, metavar="PID", help="its process")
    parser.add_argument("--rounds", type=int, default=ROUNDS, choices=range(1, 101), metavar="N")
    parser.add_argument("--floor-ms", type=int, default=verdict.TWO_SLICES_US // 1_000, choices=range(1, 1001), metavar="N")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND", help=", ".join(KINDS))
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    begin = time.monotonic()
    topics.prepare(arguments.port)
    load = Load(arguments.library, arguments.port, topics.LOAD)
    load.percentile(WARM_UP_SECONDS)
    rounds = Rounds(load, arguments.broker)
    print(verdict.HEAD)
    worst = controls.worst(rounds)
    most = verdict.most_beside(worst, arguments.floor_ms * 1_000)
    print(verdict.rule(worst), flush=True)
    trial = Trial(rounds, arguments.port, most, arguments.rounds)
    tried = {name: trial.verdict(KINDS[name]) for name in arguments.only}
    patience = rounds.patience
    if patience.disturbed:
        print(f"Others used the machine in {patience.disturbed} of {patience.kept} rounds: that hides much.")
    told = "\n".join(verdict.summary(list(tried.values()), worst))
    print(f"{told}; {time.monotonic() - begin:.0f} s", flush=True)
    failed = [name for name, (_, text) in tried.items() if text == verdict.FAILED]
    if failed:
        print(f"p99 more than {verdict.BOUND:g} times what it is alone, and more than {most:,.0f} us, beside: "
              + ", ".join(failed), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(measure.main(main))
