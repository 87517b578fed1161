#!/usr/bin/env python3
"""Measures a well-behaved load alone and beside bad neighbours; scripts/neighbours says what that is about."""

import argparse
import functools
import sys
import time

from broker import measure
from crowd import churners, floods, heavy, readers, senders, topics, verdict
from crowd.controls import Controls
from crowd.load import Load
from crowd.neighbour import Kind
from crowd.process import Background
from crowd.rounds import Rounds

KINDS = {kind.name: kind for module in (readers, senders, churners, floods, heavy) for kind in module.KINDS}
# Rounds of a kind, and seconds that they may take; then, where it failed, those of the one more try that it has.
ROUNDS, MOST_SECONDS = 3, 5
MORE_ROUNDS, MORE_SECONDS = 7, 10
# No scheduler makes a load wait for longer, microseconds: then it is the broker.
MOST_UNAVOIDABLE_US = 10_000


class Trial:
    """Tries kinds of neighbours against the broker on `port`."""

    def __init__(self, rounds: Rounds, controls: Controls, port: int, count: int):
        self.rounds = rounds
        self.controls = controls
        self.port = port
        self.count = count

    def passes(self, kind: Kind) -> bool:
        """Measures a kind, a second time where it failed, and prints what comes of it."""
        body = kind.make()
        background = Background(functools.partial(body, self.port), kind.niceness)
        found = self.rounds.run(kind.title, background, self.count, MOST_SECONDS)
        if found.ratio <= verdict.BOUND:
            print(verdict.line(found, "ok"), flush=True)
            return True
        print(verdict.line(found, "measured once more, with more rounds"), flush=True)
        found = self.rounds.run(kind.title, background, max(MORE_ROUNDS, 2 * self.count), MORE_SECONDS)
        unavoidable = 0.0
        if found.ratio > verdict.BOUND and found.beside < MOST_UNAVOIDABLE_US:
            unavoidable = self.controls.beside(kind, body, found.broker_cores)
        text = verdict.verdict(found, unavoidable)
        print(verdict.line(found, text), flush=True)
        return text != verdict.FAILED


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", required=True, help="the load generator, a shared library")
    parser.add_argument("--port", required=True, type=int, help="where the broker listens, on 127.0.0.1")
    parser.add_argument("--broker", required=True, type=int, metavar="PID", help="its process")
    parser.add_argument("--rounds", type=int, default=ROUNDS, choices=range(1, 101), metavar="N")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND", help=", ".join(KINDS))
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    begin = time.monotonic()
    topics.prepare(arguments.port)
    load = Load(arguments.library, arguments.port, topics.LOAD)
    load.percentile(0.5)
    rounds = Rounds(load, arguments.broker)
    controls = Controls(rounds, arguments.library)
    trial = Trial(rounds, controls, arguments.port, arguments.rounds)
    print(verdict.HEAD)
    controls.niced_loop()
    controls.busy_loops(1)
    failed = [name for name in arguments.only if not trial.passes(KINDS[name])]
    patience = rounds.patience
    if patience.disturbed:
        print(f"Others used the machine in {patience.disturbed} of {patience.kept} rounds: that hides much.")
    print(f"{len(arguments.only)} kinds of neighbours, {len(failed)} failed; {time.monotonic() - begin:.0f} s")
    if failed:
        print(f"p99 more than {verdict.BOUND:g} times what it is alone, beside: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(measure.main(main))
