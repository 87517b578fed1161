"""What those are told who are connected when the broker stops."""

import pathlib
import signal
import tempfile
import threading
import time
import unittest

import grpc
import grpc_tests.door as door
from grpc_health.v1 import health_pb2 as health
from grpc_health.v1 import health_pb2_grpc as health_grpc
from grpc_tests.peer import Peer, framed, request
from hyperframe import frame as frames
from tailrace.v1 import admin_service_pb2 as admin
from tailrace.v1 import log_service_pb2 as log
from tailrace.v1.admin_service_pb2_grpc import AdminServiceStub
from tailrace.v1.log_service_pb2_grpc import LogServiceStub

REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
NO_ERROR, REFUSED_STREAM = 0, 7


class Draining(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.broker = door.start_broker(pathlib.Path(directory.name))
        self.addCleanup(self.broker.__exit__)

    def stop(self) -> float:
        """Has the broker stop, in order; returns how many seconds that takes."""
        started = time.monotonic()
        self.broker.stop()
        return time.monotonic() - started

    def test_calls_in_flight_are_answered_and_watches_end(self):
        with door.channel_to(self.broker.port) as channel:
            AdminServiceStub(channel).CreateTopic(admin.CreateTopicRequest(name="quiet"), timeout=5)
            target = log.FetchTarget(topic="quiet")
            watch = health_grpc.HealthStub(channel).Watch(health.HealthCheckRequest(), timeout=20)
            self.assertEqual(next(watch).status, health.HealthCheckResponse.SERVING)
            waiting = LogServiceStub(channel).Fetch.future(
                log.FetchRequest(targets=[target], max_wait_ms=1_500), timeout=20)
            stream = LogServiceStub(channel).Subscribe(log.SubscribeRequest(targets=[target]), timeout=20)
            AdminServiceStub(channel).Ping(admin.PingRequest(), timeout=5)
            seconds = self.stop()
            self.assertEqual(len(waiting.result().partitions), 1)
            self.assertEqual(next(watch).status, health.HealthCheckResponse.NOT_SERVING)
            for each in (watch, stream):
                with self.assertRaises(grpc.RpcError) as caught:
                    next(each)
                self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE, caught.exception)
        self.assertLess(seconds, 4)

    def test_the_last_word_tells_which_calls_were_not_begun(self):
        with Peer(self.broker.port) as peer:
            self.assertEqual(peer.call().status, 0)
            stopping = threading.Thread(target=self.stop)
            stopping.start()
            self.assertTrue(peer.ends())
            stopping.join()
            self.assertEqual((peer.goaway.last_stream_id, peer.goaway.error_code), (1, NO_ERROR))

    def half_open(self, peer: Peer) -> int:
        """A call whose request is not whole, and that the door knows of."""
        half = peer.open(request(), framed(b"")[:2], end=False)
        self.assertEqual(peer.call().status, 0)
        return half

    def test_goaway_comes_first_and_calls_before_it_are_served(self):
        with Peer(self.broker.port) as peer:
            half = self.half_open(peer)
            self.broker.process.send_signal(signal.SIGTERM)
            self.assertTrue(peer.until(lambda: peer.goaway is not None))
            self.assertEqual(peer.goaway.error_code, NO_ERROR)
            self.assertGreaterEqual(peer.goaway.last_stream_id, half)
            peer.data(half, framed(b"")[2:])
            self.assertEqual(peer.answer(half).status, 0)
            self.assertTrue(peer.ends())
        self.assertEqual(self.broker.process.wait(5), 0)

    def test_call_that_was_on_its_way_harms_no_other(self):
        """Clients make calls until they read that they must not."""
        with Peer(self.broker.port) as peer:
            half = self.half_open(peer)
            self.broker.process.send_signal(signal.SIGTERM)
            self.assertTrue(peer.until(lambda: peer.goaway is not None))
            # All in one piece, so that it is read as one.
            late = peer.headers(request())
            peer.send(late, frames.DataFrame(late.stream_id, framed(b""), flags=["END_STREAM"]),
                      frames.DataFrame(half, framed(b"")[2:], flags=["END_STREAM"]))
            self.assertEqual(peer.answer(half).status, 0)
            answer = peer.answers[late.stream_id]
            self.assertTrue(answer.reset == REFUSED_STREAM or not answer.heads, answer)
            self.assertTrue(peer.ends())

    def test_open_reflection_does_not_hold_up_the_end(self):
        with Peer(self.broker.port) as peer:
            stream = peer.open(request(REFLECTION), framed(b"\x3a\0"), end=False)
            self.assertTrue(peer.until(lambda: peer.answers[stream].body))
            threading.Thread(target=peer.ends, args=(15,)).start()
            self.assertLess(self.stop(), 4)

    def test_watch_that_reads_nothing_does_not_hold_up_the_end(self):
        initial_window = 4
        with Peer(self.broker.port, {initial_window: 0}) as peer:
            peer.open(request("/grpc.health.v1.Health/Watch"), framed(b""))
            peer.call("/none.Such/Call")
            self.assertLess(self.stop(), 5)
