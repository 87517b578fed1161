"""Neighbours that do not finish what they say."""

import time

from broker import requests, wire
from broker.sockets import greet

from .neighbour import Body, Kind

_CONNECTIONS = 10


def _byte_by_byte() -> Body:
    frame = wire.call(1, requests.PING, wire.data(1, bytes(200)))

    def body(port, ready):
        connections = [greet(port) for _ in range(_CONNECTIONS)]
        ready()
        while True:
            for place in range(len(frame)):
                for connection in connections:
                    connection.send(frame[place : place + 1])
                time.sleep(0.005)

    return body


def _half_frames() -> Body:
    most = wire.frame(wire.request_header(1, requests.PRODUCE), bytes(15 << 20))[:-1]

    def body(port, ready):
        connections = [greet(port) for _ in range(_CONNECTIONS)]
        ready()
        while True:
            for connection in connections:
                connection.sendall(most)
            time.sleep(60)

    return body


KINDS = (
    Kind("slow-senders", "10 senders of a byte at a time", _byte_by_byte),
    Kind("half-frames", "10 frames of 15 MiB without an end", _half_frames),
)
