"""gRPC over HTTP/2, frame by frame: how calls are refused, and what the door says when."""

import gzip
import time
import urllib.parse

import grpc_tests.door as door
from grpc_tests.peer import FETCH, PING, Peer, framed, request
from hyperframe import frame as frames
from tailrace.v1 import admin_service_pb2 as admin
from tailrace.v1 import log_service_pb2 as log

OK, INVALID, DEADLINE, NOT_FOUND, EXHAUSTED, UNIMPLEMENTED, INTERNAL = 0, 3, 4, 5, 8, 12, 13
NO_ERROR = 0
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
CREATE = "/tailrace.v1.AdminService/CreateTopic"
DESCRIBE = "/tailrace.v1.AdminService/DescribeTopic"


class Frames(door.DoorCase):
    def setUp(self) -> None:
        self.peer = Peer(self.port)
        self.addCleanup(self.peer.socket.close)

    def assert_trailers_only(self, answer, status: int) -> None:
        """One block of headers, and no message."""
        self.assertEqual(len(answer.heads), 1, answer)
        head = answer.heads[0]
        self.assertEqual((head[":status"], head["content-type"], answer.body), ("200", "application/grpc", b""))
        self.assertEqual(answer.status, status, answer)

    def assert_still_serves(self) -> None:
        """On the same connection."""
        message = admin.PingRequest(payload=b"still").SerializeToString()
        answer = self.peer.call(PING, message)
        self.assertEqual((answer.status, answer.body), (OK, framed(message)))

    def test_answer_is_headers_then_messages_then_trailers(self):
        answer = self.peer.call(PING, admin.PingRequest(payload=b"1").SerializeToString())
        first, last = answer.heads
        self.assertEqual((first[":status"], first["content-type"]), ("200", "application/grpc"))
        self.assertEqual(set(first["grpc-accept-encoding"].split(",")), {"identity", "gzip"})
        self.assertEqual(last, {"grpc-status": "0"})

    def test_status_arrives_behind_what_waits_for_a_window_though_the_request_has_no_end(self):
        with Peer(self.port, {4: 0}, opens_windows=False) as peer:
            stream = peer.open(request(REFLECTION), framed(b"\x3a\x00"), end=False)
            self.assertTrue(peer.until(lambda: peer.answers[stream].heads))
            # No question.
            peer.data(stream, framed(b"\xff"), end=False)
            peer.receive(0.2)
            self.assertIsNone(peer.answers[stream].reset)
            peer.send(frames.WindowUpdateFrame(stream, window_increment=1 << 20))
            answer = peer.answer(stream)
            self.assertEqual(answer.status, INVALID)
            self.assertIn(b"tailrace.v1.LogService", answer.body)
            self.assertTrue(peer.until(lambda: answer.reset == NO_ERROR))

    def test_settings_bound_streams_windows_and_headers(self):
        self.assert_still_serves()
        self.assertTrue(self.peer.until(lambda: self.peer.windows.get(0)))
        concurrent, window, headers = 3, 4, 6
        self.assertEqual(self.peer.settings[concurrent], 1024)
        self.assertEqual(self.peer.settings[window], 1 << 20)
        self.assertEqual(self.peer.settings[headers], 16 << 10)
        self.assertEqual(self.peer.windows[0], (8 << 20) - 65_535)

    def test_other_content_type_is_http_415(self):
        for kind in (None, "application/json", "application/grpc-web", "application/grpc+json", "application/grpcx"):
            with self.subTest(kind):
                answer = self.peer.call(replaced={"content-type": kind})
                self.assertEqual(answer.heads[0][":status"], "415")
                self.assertIsNone(answer.status)
        for kind in ("application/grpc+proto", "application/grpc; charset=utf-8", "Application/gRPC"):
            with self.subTest(kind):
                self.assertEqual(self.peer.call(replaced={"content-type": kind}).status, OK)

    def test_other_method_is_http_405(self):
        for method in ("GET", "PUT", "OPTIONS"):
            stream = self.peer.open(request(replaced={":method": method}))
            self.assertEqual(self.peer.answer(stream).heads[0][":status"], "405", method)
        self.assert_still_serves()

    def test_unknown_methods_are_refused_by_trailers_only(self):
        for path in ("/tailrace.v1.AdminService/Nope", "/none.Such/Ping", "/", "/Ping", "/" + "x" * 5_000, "*"):
            with self.subTest(path[:40]):
                self.assert_trailers_only(self.peer.call(path), UNIMPLEMENTED)
        self.assert_still_serves()

    def test_refused_call_whose_request_goes_on_is_reset_without_an_error(self):
        stream = self.peer.open(request("/none.Such/Ping"), b"\0", end=False)
        answer = self.peer.answer(stream)
        self.assertEqual(answer.status, UNIMPLEMENTED)
        self.assertTrue(self.peer.until(lambda: answer.reset is not None))
        self.assertEqual(answer.reset, NO_ERROR)
        # What was on its way already harms nobody.
        self.peer.data(stream, b"\0" * 100)
        self.assert_still_serves()

    def test_messages_of_errors_are_percent_encoded(self):
        name = "größe 100%"
        answer = self.peer.call(DESCRIBE, admin.DescribeTopicRequest(name=name).SerializeToString())
        self.assertIn(answer.status, (INVALID, NOT_FOUND))
        text = answer.heads[-1]["grpc-message"]
        self.assertTrue(all(0x20 <= ord(each) <= 0x7E for each in text), text)
        self.assertIn("gr%C3%B6%C3%9Fe 100%25", text)
        self.assertIn(name, urllib.parse.unquote(text))
        self.assertNotIn("=", answer.heads[-1]["grpc-status-details-bin"])

    def test_long_message_of_an_error_is_cut(self):
        request = admin.DescribeTopicRequest(name="ü" * 50_000).SerializeToString()
        answer = self.peer.call(DESCRIBE, request)
        self.assertIn(answer.status, (INVALID, NOT_FOUND))
        self.assertLess(sum(len(name) + len(value) + 32 for name, value in answer.heads[-1].items()), 16 << 10)
        self.assert_still_serves()

    def test_timeout_that_is_none_is_refused(self):
        for text in ("", "1", "S", "-1S", "+1S", "1s", "1 S", "123456789S", "1.5S", "0x1S", "\u0663S"):
            with self.subTest(text):
                self.assert_trailers_only(self.peer.call(replaced={"grpc-timeout": text}), INVALID)

    def test_timeout_is_read_in_all_units(self):
        wait = log.FetchRequest(targets=[log.FetchTarget(topic="quiet")], max_wait_ms=30_000).SerializeToString()
        self.peer.call(CREATE, admin.CreateTopicRequest(name="quiet").SerializeToString())
        units = (("1S", 1), ("300m", 0.3), ("300000u", 0.3), ("99999999n", 0.1), ("0S", 0), ("00000001m", 0))
        for text, seconds in units:
            with self.subTest(text):
                started = time.monotonic()
                answer = self.peer.call(FETCH, wait, replaced={"grpc-timeout": text})
                self.assertEqual(answer.status, DEADLINE)
                self.assertGreaterEqual(time.monotonic() - started, seconds)
                self.assertLess(time.monotonic() - started, seconds + 1)
        for text in ("1M", "1H", "99999999H"):
            self.assertEqual(self.peer.call(replaced={"grpc-timeout": text}).status, OK, text)

    def test_deadline_passes_also_while_the_request_is_incomplete(self):
        stream = self.peer.open(request(replaced={"grpc-timeout": "200m"}), framed(b"")[:3], end=False)
        self.assertEqual(self.peer.answer(stream).status, DEADLINE)

    def test_unknown_encoding_is_refused_and_told_what_is_read(self):
        for encoding in ("deflate", "snappy", "GZIP"):
            answer = self.peer.call(replaced={"grpc-encoding": encoding})
            self.assert_trailers_only(answer, UNIMPLEMENTED)
            self.assertEqual(set(answer.heads[0]["grpc-accept-encoding"].split(",")), {"identity", "gzip"})

    def test_compressed_message_needs_an_encoding_and_has_to_be_whole(self):
        packed = gzip.compress(admin.PingRequest(payload=b"p" * 4_000).SerializeToString())
        cases = [({}, packed, 1, INTERNAL), ({"grpc-encoding": "identity"}, packed, 1, INTERNAL),
                 ({"grpc-encoding": "gzip"}, packed, 1, OK), ({"grpc-encoding": "gzip"}, b"", 0, OK),
                 ({"grpc-encoding": "gzip"}, packed[:-9], 1, INTERNAL),
                 ({"grpc-encoding": "gzip"}, b"junk", 1, INTERNAL),
                 ({"grpc-encoding": "gzip"}, packed, 2, INTERNAL)]
        for headers, message, flag, status in cases:
            with self.subTest(headers=headers, size=len(message), flag=flag):
                stream = self.peer.open(request(replaced=headers), framed(message, flag))
                self.assertEqual(self.peer.answer(stream).status, status)

    def test_answers_are_compressed_for_who_compresses_and_reads_it(self):
        message = admin.PingRequest(payload=b"p" * 4_000).SerializeToString()
        for accepted, flag in (("gzip", 1), ("deflate, gzip", 1), ("deflate", 0), (None, 0)):
            with self.subTest(accepted):
                headers = {"grpc-encoding": "gzip", "grpc-accept-encoding": accepted}
                stream = self.peer.open(request(replaced=headers), framed(gzip.compress(message), 1))
                body = self.peer.answer(stream).body
                self.assertEqual(body[0], flag)
                self.assertEqual(gzip.decompress(body[5:]) if flag else body[5:], message)

    def test_request_cut_within_a_message_fails(self):
        for body in (b"\0", framed(b"12345")[:-1], framed(b"")[:4]):
            self.assertEqual(self.peer.answer(self.peer.open(request(), body)).status, INTERNAL, body)
        self.assert_still_serves()

    def test_call_with_one_request_takes_neither_none_nor_two(self):
        self.assertEqual(self.peer.answer(self.peer.open(request())).status, INTERNAL)
        stream = self.peer.open(request(), framed(b"") * 2)
        self.assertIn(self.peer.answer(stream).status, (UNIMPLEMENTED, INTERNAL))
        self.assert_still_serves()

    def test_message_may_come_byte_by_byte(self):
        message = framed(admin.PingRequest(payload=b"slowly").SerializeToString())
        stream = self.peer.open(request(), b"", end=False)
        for at in range(len(message)):
            self.peer.data(stream, message[at : at + 1], end=at == len(message) - 1)
        self.assertEqual(self.peer.answer(stream).body, message)

    def test_too_long_a_message_is_refused_as_soon_as_it_is_announced(self):
        stream = self.peer.open(request(), b"\0\xff\xff\xff\xff", end=False)
        answer = self.peer.answer(stream)
        self.assert_trailers_only(answer, EXHAUSTED)
        self.assert_still_serves()

    def test_small_message_that_grows_too_large_is_refused(self):
        packed = gzip.compress(b"\0" * (17 << 20))
        stream = self.peer.open(request(replaced={"grpc-encoding": "gzip"}), framed(packed, 1))
        self.assertEqual(self.peer.answer(stream).status, EXHAUSTED)
        self.assert_still_serves()
