"""A broker over a directory that outlives it."""

import pathlib
import signal
import subprocess
import time

from broker.client import Connection
from server_process import LOOPBACK, ServerProcess, free_port

START_SECONDS = 60
STOP_SECONDS = 45


class Failure(Exception):
    """A measurement that came to nothing."""


class Broker(ServerProcess):
    """A running broker: `with Broker(...) as broker`. It is killed in the end, unless it was stopped before."""

    def __init__(self, tailrace: str, directory: pathlib.Path, options: tuple[str, ...] = ()) -> None:
        """`directory`: where its data and its log are; made where it is not there. `options`: of `tailrace serve`."""
        self.port = free_port()
        directory.mkdir(exist_ok=True)
        address = f"{LOOPBACK}:{self.port}"
        command = [tailrace, "serve", "--data-dir", str(directory / "data"), "--listen", address, *options]
        super().__init__(command, directory, directory / "broker.log")

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
