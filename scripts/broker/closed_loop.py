"""The same calls over and over, each again once it is answered: how many of them there are in a time."""

import select
import struct
import time
from typing import Callable, NamedTuple

from broker import wire
from broker.responses import BrokerError
from broker.sockets import greet

RECEIVE_BYTES = 1 << 16


class Outcome(NamedTuple):
    """What became of the calls, all of which were answered."""

    count: int
    seconds: float
    # Ascending.
    latencies_us: list[float]
    # Of this process.
    cpu_seconds: float
    # How many of each: by connection, and the calls of one in their order.
    counts: list[int]


def good_header(call: int) -> bytes:
    """The header of a unary call's response that is no error."""
    return wire.number(1, call) + wire.number(3, 1)


class Loop:
    """Connections with the same number of calls in flight on each, all encoded before. Of a response only the header is
    looked at and what `check` looks at: the load must not be the limit."""

    def __init__(
        self, port: int, connections: int, depth: int, method: str, message: Callable[[int], bytes],
        check: Callable[[bytes], None],
    ) -> None:
        """`message`: the request of a call, counted from 0 over all connections; `check`: throws where a response's
        message is not as it should be. Throws OSError."""
        self.depth, self.check = depth, check
        self.sockets = [greet(port) for _ in range(connections)]
        self.places = {connection.fileno(): place for place, connection in enumerate(self.sockets)}
        self.frames = [
            [wire.call(call + 1, method, message(place * depth + call)) for call in range(depth)]
            for place in range(connections)]
        self.calls = {good_header(call + 1): call for call in range(depth)}

    def __enter__(self) -> "Loop":
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self.sockets:
            connection.close()

    def run(self, seconds: float) -> Outcome:
        """Calls for so long. Throws BrokerError and what `check` throws."""
        depth = self.depth
        received = [bytearray() for _ in self.sockets]
        sent = [[0.0] * depth for _ in self.sockets]
        counts = [0] * (depth * len(self.sockets))
        latencies: list[float] = []
        with select.epoll() as poll:
            for descriptor in self.places:
                poll.register(descriptor, select.EPOLLIN)
            cpu, start = time.process_time(), time.perf_counter()
            end = start + seconds
            for place, connection in enumerate(self.sockets):
                sent[place] = [time.perf_counter()] * depth
                connection.sendall(b"".join(self.frames[place]))
            in_flight = len(counts)
            while in_flight:
                for descriptor, _ in poll.poll():
                    place = self.places[descriptor]
                    some = self.sockets[place].recv(RECEIVE_BYTES)
                    if not some:
                        raise BrokerError("the broker closed the connection")
                    received[place] += some
                    now = time.perf_counter()
                    answered = self.take(received[place])
                    for call in answered:
                        latencies.append((now - sent[place][call]) * 1e6)
                        counts[place * depth + call] += 1
                    if now >= end:
                        in_flight -= len(answered)
                    elif answered:
                        self.sockets[place].sendall(b"".join([self.frames[place][call] for call in answered]))
                        for call in answered:
                            sent[place][call] = now
            elapsed = time.perf_counter() - start
        latencies.sort()
        return Outcome(len(latencies), elapsed, latencies, time.process_time() - cpu, counts)

    def take(self, received: bytearray) -> list[int]:
        """Takes whole responses off the front of what was received; returns which calls they answer."""
        answered, at = [], 0
        while len(received) - at >= 6:
            length, header_length = struct.unpack_from(">IH", received, at)
            end = at + 4 + length
            if end > len(received):
                break
            call = self.calls.get(bytes(received[at + 6 : at + 6 + header_length]))
            if call is None:
                self.refuse(received[at:end])
            self.check(bytes(received[at + 6 + header_length : end]))
            answered.append(call)
            at = end
        del received[:at]
        return answered

    def refuse(self, frame: bytearray) -> None:
        """Throws what a response says that is not as it should be."""
        (found,) = wire.take_answers(frame)
        raise BrokerError(found.error or f"an answer to call {found.call}, which was not made")
