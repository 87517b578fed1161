"""A server as a process of its own: how it is started, and what of it is measured from outside."""

import os
import pathlib
import signal
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")
LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return listener.getsockname()[1]


class ServerProcess:
    """A running server. It ends with this process, however that ends; it is not ended otherwise unless asked to."""

    def __init__(self, command: list[str], directory: pathlib.Path, log: pathlib.Path) -> None:
        """Starts `command` in `directory`, its output going to the file `log`."""
        self.log = log
        with open(log, "wb") as output:
            # Just before the exec.
            self.started_ns = time.monotonic_ns()
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=directory,
            )

    def kill(self) -> None:
        """Ends it as a crash would, and waits for that."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def cpu_seconds(self) -> float:
        """What its threads have used."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident_mb(self, member: str = "VmRSS") -> float:
        """What of it is in memory, MB; `member`: of /proc/PID/status, such as VmHWM, the most that ever was."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        kib = next(line.split()[1] for line in status.splitlines() if line.startswith(member + ":"))
        return int(kib) * 1024 / 1e6

    def last_words(self) -> str:
        """The end of its log, for a failure's message."""
        return self.log.read_text("utf-8", "replace")[-400:].strip()
