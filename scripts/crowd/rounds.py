"""Measures the load alone and beside something in turn."""

import os
import time

from broker.process import Failure

from . import quiet, verdict
from .load import Load
from .process import Background

ROUND_SECONDS = 0.15
# Cores that processes of others may use during a round that counts; how long rounds are repeated for that in all, and how
# often one of them.
MOST_OTHERS, PATIENCE_SECONDS, REPEATS = 0.15, 8, 2
# A neighbour has so long to make itself felt, and the broker so long to be done with what it left.
SETTLE_SECONDS, REST_SECONDS = 0.06, 3


class Rounds:
    """`broker`: the process id of the broker that the load runs against."""

    def __init__(self, load: Load, broker: int):
        self.load = load
        # Who may use the machine.
        self.ours = [os.getpid(), broker]
        self.broker = broker
        self.patience = quiet.Patience(MOST_OTHERS, PATIENCE_SECONDS, REPEATS)

    def _measure(self, *pids: int) -> quiet.Timed:
        """p99 in microseconds, and the cores of `pids` and ours."""
        return self.patience.undisturbed(
            lambda: quiet.timed(lambda: self.load.percentile(ROUND_SECONDS), (*pids, *self.ours))
        )

    def _beside(self, background: Background) -> quiet.Timed:
        with background:
            time.sleep(SETTLE_SECONDS)
            found = self._measure(self.broker, *background.pids)
            if not background.is_alive():
                raise Failure("a bad neighbour ended before its time")
        quiet.await_rest(self.broker, REST_SECONDS)
        return found

    def run(self, title: str, background: Background, rounds: int, most_seconds: float) -> verdict.Figures:
        """Alone, beside, alone, beside: so many rounds, or fewer where they take longer than that."""
        alone, beside, end = [], [], time.monotonic() + most_seconds
        for _ in range(rounds):
            alone.append(self._measure())
            beside.append(self._beside(background))
            if time.monotonic() > end:
                break
        return verdict.figures(
            title,
            [one.value for one in alone],
            [one.value for one in beside],
            [one.ours[0] for one in beside],
            [sum(one.ours[1 : 1 + background.count]) for one in beside],
        )
