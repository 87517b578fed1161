"""Tries a kind of neighbour, and once more where it fails."""

import functools

from . import verdict
from .neighbour import Kind
from .process import Background
from .rounds import Rounds

# Rounds of a kind, and seconds that they may take; then those of the one more try that it has where it failed.
ROUNDS, MOST_SECONDS = 3, 3
MORE_ROUNDS, MORE_SECONDS = 7, 5


class Trial:
    """Against the broker on `port`. `most`: p99 that passes, microseconds, whatever the load has alone; `count`: rounds
    of each kind."""

    def __init__(self, rounds: Rounds, port: int, most: float, count: int = ROUNDS):
        self.rounds = rounds
        self.port = port
        self.most = most
        self.tries = ((count, MOST_SECONDS), (max(MORE_ROUNDS, 2 * count), MORE_SECONDS))

    def verdict(self, kind: Kind) -> tuple[verdict.Figures, str]:
        """Measures a kind, and prints and returns what comes of it."""
        background = Background(functools.partial(kind.make(), self.port))
        for is_last, (count, seconds) in enumerate(self.tries):
            found = self.rounds.run(kind.title, background, count, seconds)
            text = verdict.verdict(found, self.most)
            if text != verdict.FAILED or is_last:
                break
            print(verdict.line(found, "measured once more, with more rounds"), flush=True)
        print(verdict.line(found, text), flush=True)
        return found, text
