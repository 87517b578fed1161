"""What the kernel tells in /proc about processes and the machine."""

import os
import pathlib

TICKS = os.sysconf("SC_CLK_TCK")
# user, nice, system, irq, softirq and steal, of proc(5)'s "cpu" line.
BUSY = (0, 1, 2, 5, 6, 7)


def stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on, the process's state."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()


def has_ended(pid: int) -> bool:
    """Whether a process is a zombie: it has ended, and nobody has waited for it yet."""
    return stat(pid)[0] == "Z"


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS


def machine_seconds() -> float:
    """Time that all cores were busy so far, with what a hypervisor gave to others."""
    with open("/proc/stat", encoding="ascii") as lines:
        fields = lines.readline().split()[1:]
    return sum(int(fields[place]) for place in BUSY) / TICKS


def memory_mb(pid: int, member: str) -> float:
    """A size of /proc/PID/status, MB; `member`: such as VmRSS."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text("utf-8", "replace")
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith(member + ":"))
    return int(kib) * 1024 / 1e6
