"""Processes beside the measuring one: bad neighbours, and what they are compared with."""

import ctypes
import os
import signal
from collections.abc import Callable

from broker import proc
from broker.process import Failure

_PR_SET_PDEATHSIG = 1


class Background:
    """Runs `body` in a process of its own, at the lowest priority unless told otherwise, for as long as the `with` block
    takes. `body` gets a function to call once it is at work. `count`: so many such processes."""

    def __init__(self, body: Callable[[Callable[[], None]], None], niceness: int = 19, count: int = 1):
        self.body = body
        self.niceness = niceness
        self.count = count
        self.pids: list[int] = []

    def __enter__(self) -> "Background":
        for _ in range(self.count):
            reader, writer = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.close(reader)
                self._run(writer)
            self.pids.append(pid)
            os.close(writer)
            with open(reader, "rb") as news:
                if not news.read(1):
                    self.__exit__()
                    raise Failure("a process ended before it was at work")
        return self

    def _run(self, writer: int) -> None:
        """In the new process; does not return."""
        try:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            os.nice(self.niceness)
            self.body(lambda: os.write(writer, b"1") and None)
        finally:
            os._exit(1)

    def is_alive(self) -> bool:
        """Whether all are. What ended remains, as a zombie, until the end of the block."""
        return not any(proc.has_ended(pid) for pid in self.pids)

    def __exit__(self, *_: object) -> None:
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self.pids = []
