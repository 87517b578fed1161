"""Neighbours that do not read their answers, or not fast."""

import time

from broker import requests, wire
from broker.sockets import greet

from . import topics
from .floods import flood
from .neighbour import Body, Kind

_CONNECTIONS = 10
_LARGE = requests.fetch(requests.fetch_target(topics.BULK, topics.LARGE_RECORDS), max_bytes=15 << 20)
# One end of the connection takes in no more than this, so that the broker's end has to wait.
_WINDOW_BYTES = 4096


def _reader(pause_seconds: float) -> Body:
    """Pipelines as many large fetches as may be in flight, then takes a little at a time; never, where there is no
    pause."""

    def body(port, ready):
        connections = [greet(port, _WINDOW_BYTES) for _ in range(_CONNECTIONS)]
        for connection in connections:
            connection.sendall(wire.calls(1024, requests.FETCH, _LARGE))
        ready()
        while True:
            time.sleep(pause_seconds or 60)
            for connection in connections if pause_seconds else ():
                connection.recv(_WINDOW_BYTES)

    return body


def _greedy() -> Body:
    return flood(wire.calls(8, requests.FETCH, _LARGE))


KINDS = (
    Kind("stalled-readers", "10 readers that read nothing", lambda: _reader(0)),
    Kind("slow-readers", "10 readers of 4 KiB at a time", lambda: _reader(0.01)),
    Kind("greedy-reader", "a reader of 15 MiB at a time", _greedy),
)
