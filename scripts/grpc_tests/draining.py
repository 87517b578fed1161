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
from tailrace.v1 import admin_service_pb2 as admin
from tailrace.v1 import log_service_pb2 as log
from tailrace.v1.admin_service_pb2_grpc import AdminServiceStub
from tailrace.v1.log_service_pb2_grpc import LogServiceStub

REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
NO_ERROR = 0


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

    def test_goaway_comes_first_and_names_the_last_stream_that_is_served(self):
        with Peer(self.broker.port) as peer:
            half = peer.open(request(), framed(b"")[:2], end=False)
            peer.call()
            self.broker.process.send_signal(signal.SIGTERM)
            self.assertTrue(peer.until(lambda: peer.goaway is not None))
            self.assertEqual((peer.goaway.error_code, peer.goaway.last_stream_id), (NO_ERROR, half + 2))
            late = peer.open(request(), framed(b""))
            peer.data(half, framed(b"")[2:])
            self.assertEqual(peer.answer(half).status, 0)
            # Nobody has looked at it: clients make it elsewhere.
            self.assertEqual(peer.answers[late].heads, [])
            self.assertTrue(peer.ends())
        self.assertEqual(self.broker.process.wait(5), 0)

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
