"""Calls on several connections at once: their answers go to functions, when they come."""

import heapq
import itertools
import select
import socket
import time
from typing import Callable, Optional

from broker import wire
from broker.responses import BrokerError
from broker.sockets import greet

RECEIVE_BYTES = 1 << 18

Answered = Callable[[wire.Answer], None]


class Channel:
    """One connection of Calls."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.last_call = 0
        self.waiting: dict[int, Answered] = {}
        self.unsent: list[bytes] = []
        self.received = bytearray()


class Calls:
    """Several connections, and what is due by the clock. Nothing is sent or received but in `run`; what is sent between
    two looks at a socket goes out together. Not thread-safe."""

    def __init__(self, port: int, connections: int) -> None:
        """Connects to a port of the loopback interface. Throws OSError."""
        self.channels = [Channel(greet(port)) for _ in range(connections)]
        self.poll = select.epoll()
        self.by_descriptor = {channel.socket.fileno(): channel for channel in self.channels}
        self.unsent: set[Channel] = set()
        self.due: list[tuple[float, int, Callable[[], None]]] = []
        self.order = itertools.count()
        for channel in self.channels:
            channel.socket.setblocking(False)
            self.poll.register(channel.socket, select.EPOLLIN)

    def __enter__(self) -> "Calls":
        return self

    def __exit__(self, *_: object) -> None:
        self.poll.close()
        for channel in self.channels:
            channel.socket.close()

    def call(self, channel: Channel, method: str, message: bytes, answered: Answered) -> None:
        """Makes a call."""
        channel.last_call += 1
        self.send(channel, channel.last_call, wire.call(channel.last_call, method, message), answered)

    def reserve(self, channel: Channel) -> int:
        """A call id to encode frames with that are sent over and over."""
        channel.last_call += 1
        return channel.last_call

    def send(self, channel: Channel, call: int, frame: bytes, answered: Answered) -> None:
        """Makes a call that is encoded already."""
        channel.waiting[call] = answered
        channel.unsent.append(frame)
        self.unsent.add(channel)

    def later(self, at: float, act: Callable[[], None]) -> None:
        """Does something at a time, by time.monotonic(); while `run` runs."""
        heapq.heappush(self.due, (at, next(self.order), act))

    def run(self, is_done: Callable[[], bool], deadline: Optional[float] = None) -> bool:
        """Sends and receives until `is_done` (true) or the deadline, by time.monotonic() (false). Throws BrokerError,
        wire.Malformed and OSError."""
        while not is_done():
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                return False
            while self.due and self.due[0][0] <= now:
                heapq.heappop(self.due)[2]()
            for channel in list(self.unsent):
                self.flush(channel)
            ends = [at for at in (deadline, self.due[0][0] if self.due else None) if at is not None]
            for descriptor, event in self.poll.poll(max(0.0, min(ends) - time.monotonic()) if ends else None):
                channel = self.by_descriptor[descriptor]
                if event & select.EPOLLOUT:
                    self.flush(channel)
                if event & ~select.EPOLLOUT:
                    self.receive(channel)
        return True

    def flush(self, channel: Channel) -> None:
        """Sends as much as the kernel takes."""
        content = b"".join(channel.unsent)
        try:
            sent = channel.socket.send(content)
        except BlockingIOError:
            sent = 0
        channel.unsent = [content[sent:]] if sent < len(content) else []
        if not channel.unsent:
            self.unsent.discard(channel)
        self.poll.modify(channel.socket, select.EPOLLIN | (select.EPOLLOUT if channel.unsent else 0))

    def receive(self, channel: Channel) -> None:
        some = channel.socket.recv(RECEIVE_BYTES)
        if not some:
            raise BrokerError("the broker closed the connection")
        channel.received += some
        for found in wire.take_answers(channel.received):
            answered = channel.waiting.pop(found.call, None)
            if answered is None:
                raise BrokerError(found.error or f"an answer to call {found.call}, which was not made")
            answered(found)
