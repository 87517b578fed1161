"""Connections to a broker, as sockets."""

import socket

from broker.wire import PREFACE

LOOPBACK = "127.0.0.1"
TIMEOUT_SECONDS = 60


def dial(port: int, receive_bytes: int = 0) -> socket.socket:
    """Connects. `receive_bytes`: how much the kernel takes in for one who does not read; 0: as it likes. Throws
    OSError."""
    connection = socket.socket()
    try:
        if receive_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(TIMEOUT_SECONDS)
        connection.connect((LOOPBACK, port))
    except OSError:
        connection.close()
        raise
    return connection


def greet(port: int, receive_bytes: int = 0) -> socket.socket:
    """Connects, and has the prefaces behind it. Throws OSError."""
    connection = dial(port, receive_bytes)
    try:
        connection.sendall(PREFACE)
        answer = b""
        while len(answer) < len(PREFACE) and (some := connection.recv(len(PREFACE) - len(answer))):
            answer += some
        if len(answer) < len(PREFACE) or answer[:5] != PREFACE[:5]:
            raise ConnectionError("no broker that speaks version 1")
    except OSError:
        connection.close()
        raise
    return connection
