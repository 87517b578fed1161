"""What it costs the load that a machine is busy, with the broker or without: no fault of the broker's."""

import ctypes
import functools
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager

from broker.process import Failure

from . import verdict
from .neighbour import Body, Kind
from .process import Background
from .rounds import Rounds

_ROUNDS, _MOST_SECONDS = 4, 5


def _busy(ready):
    ready()
    while True:
        pass


class Controls:
    """Measures them when they are needed, and anew each time, since others may have come meanwhile. p99 is a lower
    quartile: what disturbs a control must excuse nothing."""

    def __init__(self, rounds: Rounds, library: str):
        self.rounds = rounds
        self.library = library

    def niced_loop(self) -> None:
        """A busy loop at the priority of neighbours: shows that a neighbour's own work costs the load nothing."""
        self._measure("a niced busy loop", Background(_busy))

    def busy_loops(self, count: int) -> float:
        """p99 beside so many busy loops at the broker's priority."""
        title = "a busy loop at the broker's priority" if count == 1 else f"{count} busy loops at the broker's priority"
        return self._measure(title, Background(_busy, niceness=0, count=count))

    def beside(self, kind: Kind, body: Body, broker_cores: float) -> float:
        """p99 beside as much work as this neighbour caused, done by others: by busy loops that take as many cores as the
        broker did, or by a server in C that does the least, and that the neighbour turns to."""
        loops = self.busy_loops(max(1, math.ceil(broker_cores - 0.1)))
        with _echo(self.library) as (port, pid):
            self.rounds.ours.append(pid)
            try:
                background = Background(functools.partial(body, port), kind.niceness)
                return max(loops, self._measure("the same neighbour, of a server in C", background))
            except Failure:
                # That server ends connections which the broker does not.
                return loops
            finally:
                self.rounds.ours.remove(pid)

    def _measure(self, title: str, background: Background) -> float:
        found = self.rounds.run(f"- {title}", background, _ROUNDS, _MOST_SECONDS)
        print(verdict.line(found, "control"), flush=True)
        return found.least_beside


@contextmanager
def _echo(library: str) -> Iterator[tuple[int, int]]:
    """Serves an echo of the native door's frames, from as many threads as there are cores; its port and process."""
    functions, port = ctypes.CDLL(library), ctypes.c_uint16()
    listener = functions.ctb_listen(ctypes.byref(port))
    if listener < 0:
        raise OSError("the server in C cannot listen")

    def serve(ready):
        ready()
        functions.ctb_serve_echo(listener, ctypes.c_uint32(os.cpu_count() or 1))

    with Background(serve, niceness=0) as server:
        os.close(listener)
        yield port.value, server.pids[0]
