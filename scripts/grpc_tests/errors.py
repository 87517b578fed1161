"""What breaks the rules of HTTP/2 ends the stream that it is about, or the connection, with the code that says why."""

import grpc_tests.door as door
from grpc_tests.peer import PING, Peer, framed, request
from hyperframe import frame as frames

PROTOCOL_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, COMPRESSION_ERROR = 1, 3, 6, 9
INITIAL_WINDOW, MAX_FRAME_SIZE = 4, 5
MOST = (1 << 31) - 1


class Errors(door.DoorCase):
    def assert_stream_refused(self, replaced=None, more=()) -> None:
        """The stream is reset, and others of its connection go on."""
        with Peer(self.port) as peer:
            stream = peer.open(request(PING, replaced, more), framed(b""))
            self.assertEqual(peer.answer(stream).reset, PROTOCOL_ERROR)
            self.assertEqual(peer.call().status, 0)

    def assert_cut(self, code: int, *what: frames.Frame) -> None:
        with Peer(self.port) as peer:
            peer.send(*what)
            self.assertTrue(peer.ends())
            self.assertEqual(peer.goaway.error_code, code)

    def test_headers_against_the_rules_are_an_error_of_their_stream(self):
        for name in ("X-Upper", "connection", ":late", "te "):
            with self.subTest(name):
                self.assert_stream_refused(more=[(name, "close")])
        for name in (":method", ":scheme", ":path"):
            with self.subTest(name):
                self.assert_stream_refused({name: None})

    def test_body_of_another_length_than_told_is_an_error_of_its_stream(self):
        for length in ("3", "6"):
            self.assert_stream_refused(more=[("content-length", length)])

    def test_frames_against_the_rules_are_errors_of_the_connection(self):
        most = frames.WindowUpdateFrame(0, window_increment=MOST)
        cases = {
            "data on a stream that is idle": (PROTOCOL_ERROR, frames.DataFrame(7, b"x")),
            "windows beyond the most": (FLOW_CONTROL_ERROR, most, most),
            "an initial window beyond the most": (
                FLOW_CONTROL_ERROR, frames.SettingsFrame(0, settings={INITIAL_WINDOW: MOST + 1})),
            "frames of ten bytes": (PROTOCOL_ERROR, frames.SettingsFrame(0, settings={MAX_FRAME_SIZE: 10})),
            "no HPACK": (COMPRESSION_ERROR, frames.HeadersFrame(1, b"\xff" * 12, flags=["END_HEADERS", "END_STREAM"])),
            "a frame that is too large": (FRAME_SIZE_ERROR, frames.DataFrame(1, b"x" * 20_000)),
            "a continuation of nothing": (PROTOCOL_ERROR, frames.ContinuationFrame(1, b"")),
            "a push": (PROTOCOL_ERROR, frames.PushPromiseFrame(1, promised_stream_id=2, flags=["END_HEADERS"])),
        }
        for name, (code, *what) in cases.items():
            with self.subTest(name):
                self.assert_cut(code, *what)

    def test_streams_have_odd_numbers_that_grow(self):
        for first, second in ((2, None), (5, 3)):
            with self.subTest(first=first), Peer(self.port) as peer:
                for number in filter(None, (first, second)):
                    peer.next_stream = number
                    peer.open(request(), framed(b""))
                self.assertTrue(peer.ends())
                self.assertEqual(peer.goaway.error_code, PROTOCOL_ERROR)
