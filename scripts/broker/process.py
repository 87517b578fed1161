"""A broker over a directory that outlives it."""

import pathlib
import signal
import subprocess
import time
from typing import Mapping, Optional, Sequence

from broker.client import Connection
from broker.server_process import ServerProcess, free_port
from broker.sockets import LOOPBACK

START_SECONDS = 60
STOP_SECONDS = 60


class Failure(Exception):
    """A measurement that came to nothing."""


def serve_command(tailrace: str, directory: pathlib.Path, port: int, options: Sequence[str] = ()) -> list[str]:
    """What starts a broker whose data is in `directory`. `options`: of `tailrace serve`."""
    address = f"{LOOPBACK}:{port}"
    return [tailrace, "serve", "--data-dir", str(directory / "data"), "--listen", address, *options]


class Broker(ServerProcess):
    """A running broker: `with Broker(...) as broker`. It is killed in the end, unless it was stopped before."""

    def __init__(
        self, tailrace: str, directory: pathlib.Path, options: Sequence[str] = (), prefix: Sequence[str] = (),
        environment: Optional[Mapping[str, str]] = None, port: int = 0,
    ) -> None:
        """`directory`: where its data and its log are; made where it is not there. `prefix`: the command that runs it.
        `environment`: what it has beside this process's. `port`: where it listens; 0: any that is free."""
        self.port = port or free_port()
        directory.mkdir(exist_ok=True)
        command = [*prefix, *serve_command(tailrace, directory, self.port, options)]
        super().__init__(command, directory, directory / "broker.log", environment)

    def __enter__(self) -> "Broker":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()

    def connect(self) -> Connection:
        """A connection, as soon as there is one to be had. Throws Failure where the broker does not serve."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return Connection(self.port, min(deadline, time.monotonic() + 1))
            except ConnectionRefusedError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise Failure(f"the broker does not serve: {self.last_words()}") from error

    def stop(self) -> None:
        """Stops it in order. Throws Failure where it does not end well."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise Failure(f"the broker did not stop within {STOP_SECONDS} s") from error
        if status:
            raise Failure(f"the broker ended with status {status}: {self.last_words()}")

    def milliseconds_since_start(self) -> float:
        """Since just before its exec."""
        return (time.monotonic_ns() - self.started_ns) / 1e6
