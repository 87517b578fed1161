"""A gRPC client made of single HTTP/2 frames: it does what it is told to, also what no client should."""

import dataclasses
import select
import socket
import struct
import time
from typing import Iterable, Mapping, Optional

import hpack
from hyperframe import frame as frames

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PING = "/tailrace.v1.AdminService/Ping"
FETCH = "/tailrace.v1.LogService/Fetch"
Fields = Iterable[tuple[str, str]]


def framed(message: bytes, compressed: int = 0) -> bytes:
    """A message as it stands in DATA frames."""
    return struct.pack(">BI", compressed, len(message)) + message


def request(path: str = PING, replaced: Optional[Mapping[str, Optional[str]]] = None, more: Fields = ()) -> list:
    """The headers of a call. `replaced`: those that are other than usual; None: absent."""
    usual = {
        ":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost",
        "content-type": "application/grpc", "te": "trailers",
    }
    usual.update(replaced or {})
    return [(name, value) for name, value in usual.items() if value is not None] + list(more)


@dataclasses.dataclass
class Answer:
    """What has come on a stream."""

    heads: list[dict[str, str]] = dataclasses.field(default_factory=list)
    body: bytes = b""
    reset: Optional[int] = None
    is_ended: bool = False

    @property
    def status(self) -> Optional[int]:
        """gRPC's."""
        status = self.heads[-1].get("grpc-status") if self.heads else None
        return None if status is None else int(status)


class Peer:
    """One connection. All that comes is noted in `answers`, `goaway` and `windows`."""

    def __init__(
        self, port: int, settings: Optional[Mapping[int, int]] = None, opens_windows: bool = True, waits: bool = True,
        answers_pings: bool = True,
    ) -> None:
        """`settings`: its own. `opens_windows`: whether it gives back what DATA frames use of windows. `waits`: for the
        other side's SETTINGS; else it is told nothing, and acknowledges nothing before it receives."""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.opens_windows, self.answers_pings = opens_windows, answers_pings
        self.answers: dict[int, Answer] = {}
        self.goaway: Optional[frames.GoAwayFrame] = None
        self.settings: dict[int, int] = {}
        self.windows: dict[int, int] = {}
        self.pings = self.pongs = 0
        self.is_ended = False
        self.next_stream = 1
        self.unread = bytearray()
        self.send_bytes(PREFACE + frames.SettingsFrame(0, settings=dict(settings or {})).serialize())
        if waits:
            # Only then it knows how many streams it may open.
            self.until(lambda: self.settings)

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    # Sending.

    def send_bytes(self, content: bytes) -> None:
        """Notes it where the other side has gone."""
        try:
            self.socket.sendall(content)
        except OSError:
            self.is_ended = True

    def send(self, *what: frames.Frame) -> None:
        self.send_bytes(b"".join(each.serialize() for each in what))

    def headers(self, fields: Fields, end: bool = False) -> frames.HeadersFrame:
        """The HEADERS frame of a new stream; not sent."""
        flags = ["END_HEADERS"] + (["END_STREAM"] if end else [])
        # Nothing indexed, so that frames may be left out or sent in another order.
        block = self.encoder.encode([hpack.NeverIndexedHeaderTuple(*field) for field in fields])
        made = frames.HeadersFrame(self.next_stream, block, flags=flags)
        self.answers[self.next_stream] = Answer()
        self.next_stream += 2
        return made

    def open(self, fields: Fields, body: Optional[bytes] = None, end: bool = True) -> int:
        """Sends headers, and what follows where there is something. Returns the stream's number."""
        head = self.headers(fields, end=end and body is None)
        self.send(head)
        if body is not None:
            self.data(head.stream_id, body, end)
        return head.stream_id

    def data(self, stream: int, body: bytes, end: bool = True) -> None:
        pieces = [body[at : at + 16_384] for at in range(0, len(body), 16_384)] or [b""]
        last = ["END_STREAM"] if end else []
        self.send(*(frames.DataFrame(stream, piece) for piece in pieces[:-1]),
                  frames.DataFrame(stream, pieces[-1], flags=last))

    def reset(self, stream: int) -> None:
        self.send(frames.RstStreamFrame(stream, error_code=8))

    # Receiving.

    def receive(self, timeout: float) -> bool:
        """Takes what comes next; false where nothing does in time, or no more at all."""
        if self.is_ended and not self.unread:
            return False
        readable, _, _ = select.select([self.socket], [], [], max(0, timeout))
        if not readable:
            return False
        try:
            content = self.socket.recv(1 << 18)
        except OSError:
            content = b""
        self.is_ended = not content
        self.unread += content
        while len(self.unread) >= 9:
            head, length = frames.Frame.parse_frame_header(memoryview(bytes(self.unread[:9])))
            if len(self.unread) < 9 + length:
                break
            head.parse_body(memoryview(bytes(self.unread[9 : 9 + length])))
            del self.unread[: 9 + length]
            self.take(head)
        return bool(content)

    def take(self, frame: frames.Frame) -> None:
        """Notes a frame, and answers it where HTTP/2 has it so."""
        answer = self.answers.setdefault(frame.stream_id, Answer())
        if isinstance(frame, frames.HeadersFrame):
            answer.heads.append(dict(self.decoder.decode(frame.data)))
        elif isinstance(frame, frames.DataFrame):
            answer.body += frame.data
            if self.opens_windows and frame.data:
                size = len(frame.data)
                self.send(*(frames.WindowUpdateFrame(each, window_increment=size) for each in (0, frame.stream_id)))
        elif isinstance(frame, frames.RstStreamFrame):
            answer.reset, answer.is_ended = frame.error_code, True
        elif isinstance(frame, frames.GoAwayFrame):
            self.goaway = frame
        elif isinstance(frame, frames.WindowUpdateFrame):
            self.windows[frame.stream_id] = self.windows.get(frame.stream_id, 0) + frame.window_increment
        elif isinstance(frame, frames.SettingsFrame) and "ACK" not in frame.flags:
            self.settings.update(frame.settings)
            self.send(frames.SettingsFrame(0, flags=["ACK"]))
        elif isinstance(frame, frames.PingFrame):
            is_answer = "ACK" in frame.flags
            self.pongs, self.pings = self.pongs + is_answer, self.pings + (not is_answer)
            if self.answers_pings and not is_answer:
                self.send(frames.PingFrame(0, frame.opaque_data, flags=["ACK"]))
        answer.is_ended |= "END_STREAM" in frame.flags

    def until(self, condition, seconds: float = 5) -> bool:
        """Takes what comes until `condition()`; false where that is not so in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            if not self.receive(deadline - time.monotonic()) and (self.is_ended or time.monotonic() >= deadline):
                return bool(condition())
        return True

    def answer(self, stream: int, seconds: float = 5) -> Answer:
        """What came on a stream, once it has ended."""
        answer = self.answers[stream]
        if not self.until(lambda: answer.is_ended, seconds):
            raise AssertionError(f"stream {stream} has no end after {seconds} s: {answer}, {self.goaway}")
        return answer

    def call(self, path: str = PING, message: bytes = b"", **headers) -> Answer:
        """A call with one request, and its answer."""
        return self.answer(self.open(request(path, **headers), framed(message)))

    def ends(self, seconds: float = 5) -> bool:
        """Whether the other side closes the connection in time."""
        return self.until(lambda: self.is_ended, seconds)
