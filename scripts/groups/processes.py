"""Members of a group as processes of their own."""

import dataclasses
import json
import pathlib
import signal
import subprocess
import sys
from typing import Optional

from broker.process import Failure
from broker.server_process import ServerProcess
from broker.sockets import LOOPBACK
from groups import member
from groups.journal import Journal
from groups.tap import Tap

CLI, PYTHON = "cli", "python"
END_SECONDS = 20
# The tool's, after SIGTERM.
ENDED_BY_SIGTERM = 143


@dataclasses.dataclass(frozen=True)
class Terms:
    """How processes are members of a group."""

    tailrace: str
    directory: pathlib.Path
    broker_port: int
    topic: str
    group: str
    session_ms: int


def command(kind: str, terms: Terms, name: str, port: int, instance: Optional[str]) -> list[str]:
    """What starts a member. `port`: where it finds the broker; `instance`: of a static member."""
    if kind == PYTHON:
        static = ["--instance", instance] if instance else []
        options = ["--port", str(port), "--name", name, "--group", terms.group, "--topic", terms.topic]
        return [sys.executable, member.__file__, *options, "--session-ms", str(terms.session_ms), *static]
    static = ["--instance-id", instance] if instance else []
    options = ["--server", f"{LOOPBACK}:{port}", "--client-id", name, "--group", terms.group, "--format", "json"]
    times = ["--session-timeout", str(terms.session_ms / 1000), "--commit-interval", "0.1", "--rebalance-timeout", "5"]
    return [terms.tailrace, "consume", *options, *times, *static, terms.topic]


class MemberProcess(ServerProcess):
    """A running member; what it asks of the broker is in a journal, what it processed in a file."""

    def __init__(self, kind: str, terms: Terms, name: str, journal: Journal, instance: Optional[str] = None) -> None:
        self.kind = kind
        self.name = name
        self.instance = instance
        self.output = terms.directory / f"{terms.group}-{name}.json"
        tap = Tap(name, terms.broker_port, journal)
        super().__init__(
            command(kind, terms, name, tap.port, instance), terms.directory,
            terms.directory / f"{terms.group}-{name}.log", output=self.output)

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def check(self) -> None:
        """Throws Failure where it has ended by itself."""
        if (status := self.process.poll()) is not None:
            raise Failure(f"member {self.name} ended with status {status}: {self.last_words()}")

    def ask_to_end(self) -> None:
        """With SIGTERM: it commits, and leaves."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        """Until it has ended as it was asked to. Throws Failure where it does not, or not well."""
        try:
            status = self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise Failure(f"member {self.name} did not end within {END_SECONDS} s") from error
        if status != (0 if self.kind == PYTHON else ENDED_BY_SIGTERM):
            raise Failure(f"member {self.name} ended with status {status} after SIGTERM: {self.last_words()}")

    def processed(self) -> list[tuple[int, int, bytes]]:
        """Partition, offset and value of what it printed, in that order."""
        return printed(self.output.read_bytes())


def printed(output: bytes) -> list[tuple[int, int, bytes]]:
    """The records in a member's output. A last line that was cut off, when it was killed, counts for nothing."""
    lines = output[: output.rfind(b"\n") + 1].splitlines()
    found = [json.loads(line) for line in lines]
    return [(record["partition"], record["offset"], record["value"].encode()) for record in found]
