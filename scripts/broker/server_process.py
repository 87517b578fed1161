"""A server as a process of its own: how it is started, and what of it is measured from outside."""

import os
import pathlib
import signal
import socket
import subprocess
import time
from typing import Mapping, Optional, Sequence

from broker import proc
from broker.sockets import LOOPBACK


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return listener.getsockname()[1]


class ServerProcess:
    """A running server. It ends with this process, however that ends; it is not ended otherwise unless asked to."""

    def __init__(
        self, command: Sequence[str], directory: pathlib.Path, log: pathlib.Path,
        environment: Optional[Mapping[str, str]] = None, output: Optional[pathlib.Path] = None,
    ) -> None:
        """Starts `command` in `directory`, its output going to the file `log`. `environment`: what it has beside this
        process's. `output`: where its standard output goes instead."""
        self.log = log
        with open(log, "wb") as errors, open(output or os.devnull, "wb") as separate:
            # Just before the exec.
            self.started_ns = time.monotonic_ns()
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                stdin=subprocess.DEVNULL, stdout=separate if output else errors, stderr=errors, cwd=directory,
                env={**os.environ, **(environment or {})},
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        """Ends it as a crash would, and waits for that."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def cpu_seconds(self) -> float:
        """What its threads have used."""
        return proc.cpu_seconds(self.pid)

    def resident_mb(self, member: str = "VmRSS") -> float:
        """What of it is in memory, MB; `member`: of /proc/PID/status, such as VmHWM, the most that ever was."""
        return proc.memory_mb(self.pid, member)

    def last_words(self) -> str:
        """The end of its log, for a failure's message."""
        return self.log.read_text("utf-8", "replace")[-400:].strip()
