"""A broker in a directory of its own, started with something in front of it or in its environment."""

import os
import pathlib
import re
import signal
import subprocess
import time

START_SECONDS, STOP_SECONDS = 60, 60
LISTENING = re.compile(r"^listening on ([\d.]+):(\d+)$", re.MULTILINE)


class Broker:
    """One event loop, on a free port of the loopback interface. `with Broker(...) as broker` stops it in order."""

    def __init__(self, tailrace: str, directory: pathlib.Path, prefix: list[str], environment: dict[str, str]) -> None:
        """`prefix`: the command that runs it. Raises ChildProcessError where it does not start."""
        directory.mkdir()
        self._log = directory / "log"
        serve = [tailrace, "serve", "--data-dir", str(directory / "data"), "--listen", "127.0.0.1:0"]
        with open(self._log, "wb") as log:
            # It ends with this process, however that ends.
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *prefix, *serve, "--event-loops", "1", "--turn-us", "1000000"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **environment})
        self.pid = self._process.pid
        self.address = self._await_address()

    def _await_address(self) -> tuple[str, int]:
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            if found := LISTENING.search(self._log.read_text("utf-8", "replace")):
                return found[1], int(found[2])
            time.sleep(0.05)
        self._kill()
        raise ChildProcessError(f"the broker did not start: {self._last_words()}")

    def _last_words(self) -> str:
        return self._log.read_text("utf-8", "replace")[-2000:].strip()

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> "Broker":
        return self

    def __exit__(self, kind: object, error: BaseException | None, *_: object) -> None:
        has_ended = self._process.poll() is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill()
            status = self._process.returncode
        if has_ended or error is None and status != 0:
            raise ChildProcessError(f"the broker ended with status {status}: {self._last_words()}") from error
