"""A wire tap between one process and the broker: passes everything on, and notes what concerns the group."""

import dataclasses
import socket
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from broker import group_calls, wire
from broker.sockets import LOOPBACK, dial
from groups.journal import Commit, Journal, Moment

CHUNK_BYTES = 1 << 16
NOTED = {
    "tailrace.v1." + name
    for name in (group_calls.JOIN_GROUP, group_calls.HEARTBEAT, group_calls.COMMIT_OFFSET, group_calls.FETCH_OFFSETS)
}
GONE = (group_calls.UNKNOWN_MEMBER, group_calls.FENCED_MEMBER)


class Sent(NamedTuple):
    """A call that waits for its answer."""

    method: str
    who: group_calls.Identity
    commits: list[Commit]


class Calls:
    """The calls over one connection, from the frames of both directions."""

    def __init__(self, process: str, journal: Journal, positions: dict[int, int]) -> None:
        """`positions`: where the process stands in each partition, over all its connections."""
        self.process = process
        self.journal = journal
        self.positions = positions
        self.sent: dict[int, Sent] = {}

    def request(self, header: bytes, message: bytes) -> None:
        """Before it goes on to the broker."""
        found = dict(wire.fields(header))
        method = group_calls.text(found.get(2, b""))
        if method not in NOTED:
            return
        method = method.removeprefix("tailrace.v1.")
        who = group_calls.identity(message)
        commits = []
        if method == group_calls.COMMIT_OFFSET:
            now = time.monotonic()
            commits = [
                Commit(self.process, who.member, who.epoch, partition, self.positions.get(partition, 0), end, now)
                for partition, end in group_calls.commits(message).items()
            ]
            self.journal.sent(commits)
        self.sent[found.get(1, 0)] = Sent(method, who, commits)

    def response(self, header: bytes, message: bytes) -> None:
        """Before it goes on to the process."""
        answer = wire.answer(header, message)
        call = self.sent.pop(answer.call, None)
        if call is None:
            return
        moment = Moment(self.process, call.who.member, call.who.epoch, time.monotonic())
        if answer.error is not None:
            if answer.code in GONE:
                self.journal.fenced(moment)
            # An error without a code is one of the way there: what became of the call is not known.
            if answer.code:
                self.journal.answered(call.commits, [answer.code] * len(call.commits), moment.at)
        elif call.method == group_calls.JOIN_GROUP:
            self.journal.joined(dataclasses.replace(moment, epoch=group_calls.joined(message).epoch))
        elif call.method == group_calls.HEARTBEAT:
            self.journal.heard(moment)
        elif call.method == group_calls.FETCH_OFFSETS:
            self.positions.update(group_calls.stored_offsets(message))
        else:
            self._committed(call.commits, message, moment.at)

    def _committed(self, commits: list[Commit], message: bytes, at: float) -> None:
        errors = [group_calls.error_code(error) for error in group_calls.commit_errors(message)]
        self.journal.answered(commits, errors, at)
        for commit in commits:
            if commit.is_accepted:
                self.positions[commit.partition] = commit.end


class Tap:
    """Listens for a process, on `port`. Where the broker is not there, it hangs up."""

    def __init__(self, process: str, broker_port: int, journal: Journal) -> None:
        self.process = process
        self.broker_port = broker_port
        self.journal = journal
        self.positions: dict[int, int] = {}
        self.listener = socket.create_server((LOOPBACK, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            theirs, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(theirs,), daemon=True).start()

    def _serve(self, theirs: socket.socket) -> None:
        try:
            ours = dial(self.broker_port)
        except OSError:
            theirs.close()
            return
        ours.settimeout(None)
        theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        calls = Calls(self.process, self.journal, self.positions)
        up = threading.Thread(target=self._pass_on, args=(theirs, ours, calls.request), daemon=True)
        up.start()
        # Answers are noted to the end, also where the process is gone.
        self._pass_on(ours, theirs, calls.response)
        up.join()
        ours.close()
        theirs.close()

    def _pass_on(
        self, source: socket.socket, sink: socket.socket, note: Callable[[bytes, bytes], None]
    ) -> None:
        preface, received, is_open = len(wire.PREFACE), bytearray(), True
        while True:
            try:
                chunk = source.recv(CHUNK_BYTES)
            except OSError:
                chunk = b""
            if not chunk:
                break
            received += chunk[preface:]
            preface = max(0, preface - len(chunk))
            try:
                for header, message in wire.take_frames(received):
                    note(header, message)
            # Whatever is wrong with a message, it goes on: the run is to end by its faults, not by a hang.
            except Exception as error:
                self.journal.broke(f"{self.process}: {type(error).__name__}: {error}")
            try:
                if is_open:
                    sink.sendall(chunk)
            except OSError:
                is_open = False
        try:
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass
