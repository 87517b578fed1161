"""What breaks the rules of HTTP/2 ends the stream that it is about, or the connection, with the code that says why."""

import socket
import time

import grpc_tests.door as door
from grpc_tests.peer import PING, PREFACE, Peer, framed, request
from hyperframe import frame as frames

PROTOCOL_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, COMPRESSION_ERROR = 1, 3, 6, 9
INITIAL_WINDOW, MAX_FRAME_SIZE = 4, 5
MOST = (1 << 31) - 1


class Errors(door.DoorCase):
    options = (*door.OPTIONS, "--preface-seconds", "1")

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

    def test_preface_that_does_not_come_in_time_is_not_waited_for(self):
        for beginning in (PREFACE[:4], PREFACE[:10], PREFACE[:-1], b"PRI * HTTP/9.0\r\n"):
            with self.subTest(beginning), socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(beginning)
                self.assertEqual(connection.recv(1), b"")

    def test_preface_may_come_piece_by_piece(self):
        with Peer(self.port, waits=False) as peer:
            self.assertEqual(peer.call().status, 0)
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in PREFACE + frames.SettingsFrame(0).serialize():
                connection.sendall(bytes([byte]))
                time.sleep(0.005)
            # The door's SETTINGS.
            self.assertEqual(connection.recv(5)[3:], b"\x04\x00")

    def test_faults_of_many_streams_over_time_do_not_end_a_connection(self):
        with Peer(self.port) as peer:
            for _ in range(400):
                peer.answer(peer.open(request(more=[("X-Upper", "1")]), framed(b"")))
            self.assertEqual(peer.call().status, 0)

    def test_streams_have_odd_numbers_that_grow(self):
        for first, second in ((2, None), (5, 3)):
            with self.subTest(first=first), Peer(self.port) as peer:
                for number in filter(None, (first, second)):
                    peer.next_stream = number
                    peer.open(request(), framed(b""))
                self.assertTrue(peer.ends())
                self.assertEqual(peer.goaway.error_code, PROTOCOL_ERROR)
