"""The native door: frames over a socket."""

import socket
import struct

from tailrace.v1 import frame_pb2 as frame

MAX_FRAME_BYTES = 16 << 20
# Little, so that the broker has to wait for more; a mebibyte is usual.
CREDIT_BYTES = 500
CANCELLED = 1


class CallFailed(Exception):
    """A call that failed as a whole."""

    def __init__(self, status):
        super().__init__(status.message)
        self.status = status


class Connection:
    """One connection, one call at a time. Not thread-safe."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=30)
        self.reader, self.calls = self.socket.makefile("rb"), 0
        self.socket.sendall(b"TRPC\1\0\0\0")
        if self.read(8)[:5] != b"TRPC\1":
            raise ConnectionError("no Tailrace broker that speaks version 1")

    def read(self, count):
        content = self.reader.read(count)
        if len(content) < count:
            raise ConnectionError("the broker closed the connection")
        return content

    def send(self, header, message=b""):
        content = header.SerializeToString()
        self.socket.sendall(struct.pack(">IH", 2 + len(content) + len(message), len(content)) + content + message)

    def receive(self):
        length, header_length = struct.unpack(">IH", self.read(6))
        if not 2 + header_length <= length <= MAX_FRAME_BYTES:
            raise ConnectionError(f"a frame of {length} bytes with a header of {header_length}")
        header = frame.ResponseHeader.FromString(self.read(header_length))
        message = self.read(length - 2 - header_length)
        if header.status.code:
            raise CallFailed(header.status)
        return header, message

    def call(self, method, request, response):
        self.calls += 1
        header = frame.RequestHeader(call_id=self.calls, method="tailrace.v1." + method, timeout_ms=20_000)
        self.send(header, request.SerializeToString())
        return response.FromString(self.receive()[1])

    def stream(self, method, request, response):
        """Yields responses as they come, until it is closed; no other call may be made meanwhile. The broker sends as
        many bytes as it has credit for: what was taken is granted anew."""
        self.calls += 1
        header = frame.RequestHeader(call_id=self.calls, method="tailrace.v1." + method, credit=CREDIT_BYTES)
        self.send(header, request.SerializeToString())
        is_open = True
        try:
            while is_open:
                header, message = self.receive()
                is_open = not header.end_of_stream
                if is_open:
                    self.send(frame.RequestHeader(call_id=self.calls, credit=len(message)))
                yield response.FromString(message)
        finally:
            if is_open:
                self.cancel()

    def cancel(self):
        """Gives up the last call, and drops what was under way."""
        self.send(frame.RequestHeader(call_id=self.calls, cancel=True))
        try:
            while not self.receive()[0].end_of_stream:
                pass
        except CallFailed as failure:
            if failure.status.code != CANCELLED:
                raise
