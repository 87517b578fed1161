"""Neighbours that come and go, most of them with something that the broker must refuse."""

import os
import struct
import time

from broker import requests, wire
from broker.sockets import dial, greet

from .neighbour import Body, Kind
from .pumps import churn

_IDLE = 2_000


def _churn(contents: tuple[bytes, ...]) -> Body:
    def body(port, ready):
        ready()
        churn(port, contents)

    return body


def _hostile() -> Body:
    return _churn((
        b"NONE" + os.urandom(256),
        wire.PREFACE + struct.pack(">IH", 0xFFFFFFFF, 0xFFFF),
        wire.PREFACE + struct.pack(">IH", 16 << 20, 17 << 10) + bytes(64),
        wire.PREFACE + wire.call(1, "no.such.Service/Method"),
        wire.PREFACE + wire.call(1, requests.PRODUCE, b"\xff" * 64),
        wire.PREFACE + wire.frame(b"\xff" * 64),
        wire.PREFACE + wire.call(1, requests.PING) * 2 + bytes(64),
    ))


def _come_and_go() -> Body:
    return _churn((wire.PREFACE,))


def _idle() -> Body:
    def body(port, ready):
        connections = [(dial if count % 2 else greet)(port) for count in range(_IDLE)]
        ready()
        while connections:
            time.sleep(60)

    return body


KINDS = (
    Kind("hostile", "hostile frames, each connected anew", _hostile),
    Kind("come-and-go", "connect and close", _come_and_go),
    Kind("idle", f"{_IDLE:,} idle connections", _idle),
)
