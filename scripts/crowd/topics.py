"""The topics that the load and its neighbours work on."""

import os
import socket
import struct

from . import wire
from .sockets import greet

# The load's, with one partition.
LOAD = "load"
# The neighbours'; what its partitions are for:
BULK = "bulk"
LARGE_RECORDS, SMALL_RECORDS, SCRATCH = 0, 1, 2

_LARGE_BYTES, _LARGE_COUNT = 900_000, 20
_SMALL_COUNT, _SMALL_CALLS = 100_000, 8


def ask(port: int, method: str, message: bytes) -> None:
    """Makes one call. Throws where it fails as a whole."""
    with greet(port) as connection:
        connection.sendall(wire.call(1, method, message))
        length, header_length = struct.unpack(">IH", connection.recv(6, socket.MSG_WAITALL))
        header = connection.recv(header_length, socket.MSG_WAITALL)
        connection.recv(length - 2 - header_length, socket.MSG_WAITALL)
        # The number, and that this is all; a failure would have a status between them.
        if header != wire.number(1, 1) + wire.number(3, 1):
            raise RuntimeError(f"{method} failed: {header!r}")


def prepare(port: int) -> None:
    """Makes the topics, and puts into the neighbours' what they read."""
    config = wire.data(3, wire.data(1, "durability") + wire.data(2, "os"))
    for name, partitions in ((LOAD, 1), (BULK, 3)):
        ask(port, wire.CREATE_TOPIC, wire.data(1, name) + wire.number(2, partitions) + config)
    large = wire.produce(BULK, LARGE_RECORDS, wire.record(os.urandom(_LARGE_BYTES)))
    for _ in range(_LARGE_COUNT):
        ask(port, wire.PRODUCE, large)
    small = wire.produce(BULK, SMALL_RECORDS, wire.record(b"") * _SMALL_COUNT)
    for _ in range(_SMALL_CALLS):
        ask(port, wire.PRODUCE, small)
