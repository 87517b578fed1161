"""Peers that ask for much, send slowly and read nothing: what they hold is bounded, and goes."""

import gzip
import pathlib
import socket
import time

import grpc
import grpc_tests.door as door
from grpc_tests.peer import Peer, framed, request
from hyperframe import frame as frames
from tailrace.v1 import admin_service_pb2 as admin
from tailrace.v1 import log_service_pb2 as log
from tailrace.v1.admin_service_pb2_grpc import AdminServiceStub
from tailrace.v1.log_service_pb2_grpc import LogServiceStub

REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
SUBSCRIBE = "/tailrace.v1.LogService/Subscribe"
INITIAL_WINDOW = 4
OK, INVALID, DEADLINE, EXHAUSTED = 0, 3, 4, 8
REFUSED_STREAM = 7
MIB = 1 << 20


class Hoarding(door.AbuseCase):
    # All connections together, and each.
    options = (*door.OPTIONS, "--memory-budget-mib", "128", "--max-mib-in-flight", "32")

    def payload(self, size: int) -> bytes:
        return framed(admin.PingRequest(payload=b"p" * size).SerializeToString())

    def fill(self, topic: str, megabytes: int = 8) -> None:
        """So much in one partition."""
        with door.channel_to(self.port) as channel:
            AdminServiceStub(channel).CreateTopic(admin.CreateTopicRequest(name=topic), timeout=5)
            records = [log.ProduceRecord(value=b"v" * 100_000, partition=0)] * 10
            for _ in range(megabytes):
                target = log.ProduceTarget(topic=topic, records=records)
                LogServiceStub(channel).Produce(log.ProduceRequest(targets=[target]), timeout=5)

    def assert_large_calls_work(self, seconds: float = 0) -> None:
        """On another connection: such as need room in the budget. `seconds`: how long they may be refused first."""
        deadline = time.monotonic() + seconds
        with door.channel_to(self.port) as channel:
            ping = AdminServiceStub(channel).Ping
            while True:
                try:
                    self.assertEqual(len(ping(admin.PingRequest(payload=b"l" * 65_000), timeout=5).payload), 65_000)
                    return
                except grpc.RpcError as failure:
                    refused = failure.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
                    if not refused or time.monotonic() > deadline:
                        raise
                    time.sleep(0.2)

    def test_calls_with_one_answer_that_is_not_read_are_cut(self):
        with self.unharmed(), Peer(self.port, {INITIAL_WINDOW: 0}) as peer:
            for _ in range(500):
                peer.open(request(), self.payload(1_000))
            self.assertTrue(peer.ends(6))

    def test_window_opened_byte_by_byte_does_not_keep_answers_for_ever(self):
        with self.unharmed(), Peer(self.port, {INITIAL_WINDOW: 0}) as peer:
            streams = [peer.open(request(), self.payload(60_000)) for _ in range(100)]
            deadline = time.monotonic() + 6
            while not peer.is_ended and time.monotonic() < deadline:
                peer.send(*(frames.WindowUpdateFrame(stream, window_increment=1) for stream in streams[:1]))
                peer.receive(0.2)
            self.assertTrue(peer.is_ended)

    def test_reflection_that_is_not_read_is_bounded(self):
        question = framed(b"\x22\x20tailrace.v1.LogService.Subscribe")
        with self.unharmed(growth_mb=80), Peer(self.port, {INITIAL_WINDOW: 0}, opens_windows=False) as peer:
            stream = peer.open(request(REFLECTION), b"", end=False)
            peer.socket.settimeout(1)
            for _ in range(40):
                peer.data(stream, question * 400, end=False)
            self.assert_large_calls_work()

    def test_many_that_read_no_reflection_leave_room_for_others(self):
        question = framed(b"\x22\x20tailrace.v1.LogService.Subscribe")
        peers = [Peer(self.port, {INITIAL_WINDOW: 0}, opens_windows=False) for _ in range(8)]
        try:
            with self.unharmed(growth_mb=250):
                for peer in peers:
                    stream = peer.open(request(REFLECTION), b"", end=False)
                    peer.socket.settimeout(0.5)
                    for _ in range(40):
                        peer.data(stream, question * 400, end=False)
                # As long as it takes to find them out.
                self.assert_large_calls_work(6)
        finally:
            for peer in peers:
                peer.socket.close()

    def test_many_questions_in_one_are_answered_once(self):
        """Each cost as much as an answer of its own: a message of 8 MiB held up the event loop for a quarter minute."""
        with self.unharmed(), Peer(self.port) as peer:
            for message in (b"\x3a\x00" * 30_000, b"\x22\x20tailrace.v1.LogService.Subscribe" * 1_900):
                self.assertEqual(peer.call(REFLECTION, message).status, OK)
            self.assertEqual(peer.call(REFLECTION, b"\x3a\x00" * 4_000_000).status, INVALID)

    def test_answers_of_ended_streams_that_are_not_read_make_room_for_others(self):
        question = framed(b"\x22\x20tailrace.v1.LogService.Subscribe")
        peers = [Peer(self.port, {INITIAL_WINDOW: 0}, opens_windows=False) for _ in range(6)]
        try:
            with self.unharmed(growth_mb=250):
                for peer in peers:
                    # Each less than is kept for a stream, which would end it otherwise, and what waits with it.
                    for _ in range(60):
                        peer.open(request(REFLECTION), question * 30)
                self.assert_large_calls_work(6)
        finally:
            for peer in peers:
                peer.socket.close()

    def test_requests_whose_end_does_not_come_keep_no_more_than_themselves(self):
        """Small ones, each in a read of its own that is full of other frames."""
        with self.unharmed(growth_mb=100), Peer(self.port) as peer:
            padding = frames.WindowUpdateFrame(0, window_increment=1).serialize() * 4_900
            for _ in range(300):
                head = peer.headers(request())
                peer.send_bytes(head.serialize() + frames.DataFrame(head.stream_id, framed(b"")).serialize() + padding)
                peer.receive(0)

    def test_subscriptions_that_are_not_read_hold_up_no_other_of_their_connection(self):
        self.fill("beside", 30)
        message = framed(log.SubscribeRequest(targets=[log.FetchTarget(topic="beside")]).SerializeToString())
        with self.unharmed(growth_mb=150), Peer(self.port, {INITIAL_WINDOW: 0}, opens_windows=False) as peer:
            slow = [peer.open(request(SUBSCRIBE), message) for _ in range(8)]
            for stream in slow:
                self.assertTrue(peer.until(lambda: peer.answers[stream].heads))
            fast = peer.open(request(SUBSCRIBE), message)
            peer.send(*(frames.WindowUpdateFrame(each, window_increment=1 << 29) for each in (0, fast)))
            self.assertTrue(peer.until(lambda: len(peer.answers[fast].body) > 30_000_000, 20))

    def test_many_subscriptions_that_are_not_read_are_bounded(self):
        self.fill("hoard")
        message = log.SubscribeRequest(targets=[log.FetchTarget(topic="hoard")], decode=True).SerializeToString()
        peers = [Peer(self.port, {INITIAL_WINDOW: 0}, opens_windows=False) for _ in range(4)]
        try:
            with self.unharmed(growth_mb=250):
                for peer in peers:
                    for _ in range(200):
                        peer.open(request(SUBSCRIBE), framed(message))
                self.assert_large_calls_work(6)
        finally:
            for peer in peers:
                peer.socket.close()

    def test_slow_bodies_are_given_up(self):
        with self.unharmed(), Peer(self.port) as peer:
            streams = [peer.open(request(), self.payload(1_000)[:500], end=False) for _ in range(500)]
            for stream in streams:
                self.assertEqual(peer.answer(stream, 6).status, DEADLINE)

    def test_bodies_that_are_never_whole_are_bounded(self):
        with self.unharmed(growth_mb=100), Peer(self.port) as peer:
            for _ in range(60):
                if peer.is_ended:
                    break
                stream = peer.open(request(), b"", end=False)
                peer.socket.settimeout(1)
                peer.data(stream, b"\0\0\x80\0\0" + b"x" * 1_000_000, end=False)
                peer.receive(0)
            peer.until(lambda: any(each.is_ended for each in peer.answers.values()))
            refused = [each for each in peer.answers.values() if each.status == EXHAUSTED]
            self.assertTrue(refused or peer.is_ended)

    def test_streams_beyond_the_most_are_refused(self):
        with self.unharmed(), Peer(self.port) as peer:
            for _ in range(1_024):
                peer.open(request(), b"", end=False)
            extra = peer.open(request(), self.payload(1))
            peer.until(lambda: peer.is_ended or peer.answers[extra].is_ended)
            self.assertEqual(peer.answers[extra].reset, REFUSED_STREAM)

    def test_streams_that_come_before_the_limit_was_read_are_served_or_refused_one_by_one(self):
        with self.unharmed(), Peer(self.port, waits=False) as peer:
            waiting = [peer.open(request(), b"", end=False) for _ in range(1_024)]
            excess = [peer.open(request(), self.payload(1)) for _ in range(500)]
            for stream in excess:
                self.assertEqual(peer.answer(stream).reset, REFUSED_STREAM)
            peer.data(waiting[0], self.payload(1))
            self.assertEqual(peer.answer(waiting[0]).status, OK)
            # There is room for one again.
            self.assertEqual(peer.answer(peer.open(request(), self.payload(1))).status, OK)
            self.assertIsNone(peer.goaway)

    def test_more_than_a_window_allows_is_a_flow_control_error(self):
        with self.unharmed(), Peer(self.port) as peer:
            stream = peer.open(request("/tailrace.v1.LogService/Produce"), b"\0\0\xa0\0\0", end=False)
            for _ in range(700):
                if peer.is_ended or peer.goaway:
                    break
                # Windows are opened anew, but what is never to be whole is not taken for ever.
                peer.data(stream, b"x" * 16_384, end=False)
            peer.until(lambda: peer.is_ended or peer.answers[stream].is_ended, 6)
            self.assertTrue(peer.is_ended or peer.answers[stream].is_ended)

    def test_messages_that_grow_by_a_thousand_hold_up_nobody(self):
        bomb = framed(gzip.compress(b"\0" * (16 * MIB - 100)), 1)
        with self.unharmed(growth_mb=150), Peer(self.port) as peer:
            streams = [peer.open(request(replaced={"grpc-encoding": "gzip"}), bomb) for _ in range(50)]
            for stream in streams:
                self.assertNotEqual(peer.answer(stream, 15).status, OK)

    def test_pings_for_what_a_stream_brings_are_no_abuse(self):
        """So clients measure the connection: gRPC's own do."""
        self.fill("measured")
        with Peer(self.port, {INITIAL_WINDOW: 20_000}) as peer:
            target = log.FetchTarget(topic="measured")
            stream = peer.open(request(SUBSCRIBE), framed(log.SubscribeRequest(targets=[target]).SerializeToString()))
            for pings in range(10):
                size, said = len(peer.answers[stream].body), f"{pings} pings"
                self.assertTrue(peer.until(lambda: len(peer.answers[stream].body) > size), said)
                peer.send(frames.PingFrame(0, b"measure!"))
                self.assertTrue(peer.until(lambda: peer.pongs > pings), said)
            self.assertIsNone(peer.goaway)


class Silence(door.DoorCase):
    """Peers that are gone without a word."""

    options = ("--event-loops", "1", "--keepalive-seconds", "1", "--keepalive-timeout-seconds", "1")

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        with door.channel_to(cls.port) as channel:
            AdminServiceStub(channel).CreateTopic(admin.CreateTopicRequest(name="quiet"), timeout=5)

    def subscribed(self, **options) -> Peer:
        """One that waits for records which do not come."""
        peer = Peer(self.port, **options)
        self.addCleanup(peer.socket.close)
        message = log.SubscribeRequest(targets=[log.FetchTarget(topic="quiet")]).SerializeToString()
        peer.open(request(SUBSCRIBE), framed(message))
        return peer

    def test_one_that_does_not_say_that_it_is_there_is_cut(self):
        started = time.monotonic()
        peer = self.subscribed(answers_pings=False)
        self.assertTrue(peer.ends(6))
        self.assertEqual(peer.pings, 1)
        self.assertGreater(time.monotonic() - started, 2)

    def test_one_that_does_stays(self):
        peer = self.subscribed()
        self.assertFalse(peer.ends(4))
        self.assertGreaterEqual(peer.pings, 2)

    def test_the_kernel_asks_too_on_both_doors(self):
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            here, there = (f"{port:04X}" for port in (connection.getsockname()[1], self.port))
            self.assertTrue(self.keepalive_is_set(here, there))

    def keepalive_is_set(self, client: str, server: str, seconds: float = 5) -> bool:
        """Whether the server's end of the connection has a keepalive timer (2) that goes off within about a second."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for line in pathlib.Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]:
                local, remote, timer = (line.split()[index] for index in (1, 2, 5))
                ports = (local.partition(":")[2], remote.partition(":")[2])
                kind, _, ticks = timer.partition(":")
                # It counts in hundredths of a second.
                if ports == (server, client) and int(kind, 16) == 2 and int(ticks, 16) <= 150:
                    return True
            time.sleep(0.05)
        return False
