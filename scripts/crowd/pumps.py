"""How bad neighbours send: as cheap for the machine as may be, so that what is measured is the broker's doing."""

import itertools
import selectors
import socket
import struct
from collections.abc import Sequence

from broker.sockets import dial, greet

# With MSG_TRUNC the kernel drops what came, and copies nothing.
_DISCARD = socket.MSG_TRUNC | socket.MSG_DONTWAIT
_DISCARDED = bytearray(4 << 20)


def discard(connection: socket.socket) -> bool:
    """Drops what came. False once the other side has closed."""
    try:
        return connection.recv_into(_DISCARDED, 0, _DISCARD) > 0
    except BlockingIOError:
        return True


def pump(connections: Sequence[socket.socket], content: bytes) -> None:
    """Sends the same bytes for ever on each connection, as fast as they are taken, and drops the answers. Ends when a
    connection does."""
    content = memoryview(content)
    places = {connection: 0 for connection in connections}
    selector = selectors.DefaultSelector()
    for connection in connections:
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
    while True:
        for key, events in selector.select():
            connection = key.fileobj
            if events & selectors.EVENT_READ and not discard(connection):
                return
            if events & selectors.EVENT_WRITE:
                try:
                    sent = connection.send(content[places[connection] :])
                except BlockingIOError:
                    continue
                places[connection] = (places[connection] + sent) % len(content)


def pump_anew(port: int, count: int, content: bytes) -> None:
    """As `pump` on `count` connections, with new ones whenever the broker ends one."""
    while True:
        connections = [greet(port) for _ in range(count)]
        try:
            pump(connections, content)
        except (ConnectionError, TimeoutError):
            pass
        for connection in connections:
            connection.close()


def churn(port: int, contents: Sequence[bytes]) -> None:
    """Connects, sends the next of `contents`, waits for something to come, closes, and so on."""
    for content in itertools.cycle(contents):
        with dial(port) as connection:
            # Resets at the end, or the kernel would soon be out of ports.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.settimeout(1)
            try:
                connection.sendall(content)
                connection.recv(4096)
            except OSError:
                pass
