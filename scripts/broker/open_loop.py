"""Requests that are sent when they are due, whatever became of those before."""

import array
import select
import time
from typing import NamedTuple

from broker import wire
from broker.client import Connection
from broker.responses import BrokerError
from broker.sockets import TIMEOUT_SECONDS

TICKS_PER_SECOND = 1000
RECEIVE_BYTES = 1 << 16


class Outcome(NamedTuple):
    """What became of the requests, all of which were answered."""

    # From when each was due to its response, sorted.
    latencies_us: "array.array[float]"
    # How late the requests of a tick were sent, at worst: this program's doing, or its socket's being full.
    latest_send_us: float
    # From when the first was due to the last response.
    seconds: float
    # Of this process.
    cpu_seconds: float


def due(elapsed_seconds: float, rate: int, total: int) -> int:
    """How many of `total` requests are due by then: as many as belong to a thousandth of a second at a time."""
    if elapsed_seconds < 0:
        return 0
    return min(total, (int(elapsed_seconds * TICKS_PER_SECOND) + 1) * rate // TICKS_PER_SECOND)


def due_at(index: int, rate: int) -> float:
    """When a request, counted from 0, is due; seconds."""
    return (-(-(index + 1) * TICKS_PER_SECOND // rate) - 1) / TICKS_PER_SECOND


def run(connection: Connection, frames: list[bytes], rate: int, total: int) -> Outcome:
    """Sends `total` requests, `rate` a second: `frames` over and over, whose call ids are 1, 2 and so on. One whose
    call is still in flight waits for its answer, and those behind it too. Throws BrokerError, wire.Malformed, OSError."""
    waiting = [-1] * len(frames)  # by frame: which request is in flight
    latencies = array.array("d", bytes(8 * total))
    sent = answered = 0
    latest = 0.0
    received = bytearray()
    cpu, start = time.process_time(), time.monotonic()
    while answered < total:
        now = time.monotonic() - start
        until = due(now, rate, total)
        if until > sent:
            latest = max(latest, now - due_at(sent, rate))
            first = sent
            while sent < until and waiting[sent % len(frames)] < 0:
                waiting[sent % len(frames)] = sent
                sent += 1
            connection.socket.sendall(b"".join([frames[index % len(frames)] for index in range(first, sent)]))
        is_free = sent < total and waiting[sent % len(frames)] < 0
        pause = max(0.0, due_at(sent, rate) - (time.monotonic() - start)) if is_free else TIMEOUT_SECONDS
        if not select.select([connection.socket], [], [], pause)[0]:
            if not is_free:
                raise BrokerError(f"no answer within {TIMEOUT_SECONDS} s")
            continue
        some = connection.socket.recv(RECEIVE_BYTES)
        if not some:
            raise BrokerError("the broker closed the connection")
        received += some
        now = time.monotonic() - start
        for found in wire.take_answers(received):
            if found.error is not None:
                raise BrokerError(found.error)
            index = waiting[found.call - 1]
            waiting[found.call - 1] = -1
            latencies[answered] = (now - due_at(index, rate)) * 1e6
            answered += 1
    seconds = time.monotonic() - start
    return Outcome(array.array("d", sorted(latencies)), latest * 1e6, seconds, time.process_time() - cpu)
