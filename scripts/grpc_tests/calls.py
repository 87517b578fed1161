"""The gRPC door as gRPC's own client sees it."""

import time

import grpc
import grpc_tests.door as door
from grpc_tests.peer import FETCH
from tailrace.v1 import admin_service_pb2 as admin
from tailrace.v1 import error_pb2 as error
from tailrace.v1 import log_service_pb2 as log
from tailrace.v1.admin_service_pb2_grpc import AdminServiceStub
from tailrace.v1.log_service_pb2_grpc import LogServiceStub

SECONDS = 10
MIB = 1 << 20


class Calls(door.DoorCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        unlimited = [("grpc.max_receive_message_length", -1)]
        cls.channel = door.channel_to(cls.port, unlimited)
        cls.addClassCleanup(cls.channel.close)
        cls.admin, cls.log = AdminServiceStub(cls.channel), LogServiceStub(cls.channel)
        cls.admin.CreateTopic(admin.CreateTopicRequest(name="quiet"), timeout=SECONDS)

    def raw(self, path: str):
        """A method by its path, its messages as bytes."""
        return self.channel.unary_unary(path)

    def failure(self, call, *arguments, **options) -> grpc.RpcError:
        with self.assertRaises(grpc.RpcError) as caught:
            call(*arguments, **{"timeout": SECONDS, **options})
        return caught.exception

    def wait(self, milliseconds: int = 30_000) -> log.FetchRequest:
        """A fetch that waits for what does not come."""
        return log.FetchRequest(targets=[log.FetchTarget(topic="quiet")], max_wait_ms=milliseconds)

    def fill(self, topic: str, records: int, size: int) -> None:
        self.admin.CreateTopic(admin.CreateTopicRequest(name=topic), timeout=SECONDS)
        for _ in range(records):
            target = log.ProduceTarget(topic=topic, records=[log.ProduceRecord(value=b"v" * size, partition=0)])
            result = self.log.Produce(log.ProduceRequest(targets=[target]), timeout=SECONDS).results[0]
            self.assertFalse(result.HasField("error") or result.records[0].HasField("error"))

    def test_wrong_paths_are_unimplemented(self):
        for path in ("/tailrace.v1.AdminService/Nope", "/tailrace.v1.Nope/Ping", "/grpc.health.v1.Health/Nope"):
            self.assertEqual(self.failure(self.raw(path), b"").code(), grpc.StatusCode.UNIMPLEMENTED, path)

    def test_request_that_is_no_message_is_an_invalid_argument(self):
        self.assertEqual(self.failure(self.raw(FETCH), b"\x0a\xff").code(), grpc.StatusCode.INVALID_ARGUMENT)

    def test_metadata_is_taken_also_binary(self):
        some = [("request-id", "a b"), ("trace-bin", bytes(range(256))), ("empty-bin", b"")] + [("twice", "1")] * 2
        response, call = self.admin.Ping.with_call(admin.PingRequest(payload=b"x"), metadata=some, timeout=SECONDS)
        self.assertEqual((response.payload, call.code()), (b"x", grpc.StatusCode.OK))

    def test_too_much_metadata_is_refused(self):
        many = [(f"key-{number}", "v") for number in range(200)]
        failure = self.failure(self.admin.Ping, admin.PingRequest(), metadata=many)
        self.assertIn(failure.code(), (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED))

    def test_errors_bring_their_details_as_binary_metadata(self):
        failure = self.failure(self.admin.CreateTopic, admin.CreateTopicRequest(name="quiet"))
        self.assertEqual(failure.code(), grpc.StatusCode.ALREADY_EXISTS)
        details = dict(failure.trailing_metadata())["grpc-status-details-bin"]
        self.assertIn(b"type.googleapis.com/tailrace.v1.Status", details)

    def test_gzip_both_ways(self):
        for size in (0, 1, 1_000, 65_000):
            payload = b"p" * size
            request = admin.PingRequest(payload=payload)
            answer, call = self.admin.Ping.with_call(request, compression=grpc.Compression.Gzip, timeout=SECONDS)
            self.assertEqual(answer.payload, payload)
        deflated = self.failure(self.admin.Ping, request, compression=grpc.Compression.Deflate)
        self.assertEqual(deflated.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_deadlines_hold(self):
        for timeout in (0.02, 0.3, 1.2):
            started = time.monotonic()
            failure = self.failure(self.log.Fetch, self.wait(), timeout=timeout)
            self.assertEqual(failure.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
            self.assertLess(time.monotonic() - started, timeout + 1)

    def test_cancelled_calls_make_room_for_others(self):
        for _ in range(5):
            # As many as may wait on one connection.
            calls = [self.log.Fetch.future(self.wait(), timeout=SECONDS) for _ in range(256)]
            self.admin.Ping(admin.PingRequest(), timeout=SECONDS)
            for call in calls:
                call.cancel()
            self.assertTrue(all(call.cancelled() for call in calls))

    def test_more_calls_than_the_door_takes_at_a_time_are_all_answered(self):
        calls = [self.admin.Ping.future(admin.PingRequest(payload=b"x"), timeout=SECONDS) for _ in range(3_000)]
        self.assertEqual({call.result().payload for call in calls}, {b"x"})

    def test_large_messages_up_to_the_limit(self):
        self.admin.CreateTopic(admin.CreateTopicRequest(name="large"), timeout=SECONDS)
        # Records that are small enough in a request that is too large.
        def request(count: int) -> log.ProduceRequest:
            records = [log.ProduceRecord(value=b"v" * 500_000, partition=0) for _ in range(count)]
            return log.ProduceRequest(targets=[log.ProduceTarget(topic="large", records=records)])

        result = self.log.Produce(request(30), timeout=SECONDS).results[0]
        self.assertFalse(result.HasField("error"), result.error)
        failure = self.failure(self.log.Produce, request(40))
        self.assertEqual(failure.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        fetch = log.FetchRequest(targets=[log.FetchTarget(topic="large")], max_bytes=12 * MIB)
        self.assertGreater(self.log.Fetch(fetch, timeout=SECONDS).ByteSize(), 5 * MIB)
        with door.channel_to(self.port) as usual:
            # The least that a client takes is more than the door sends unasked.
            fetch = log.FetchRequest(targets=[log.FetchTarget(topic="large")])
            self.assertTrue(LogServiceStub(usual).Fetch(fetch, timeout=SECONDS).partitions[0].batches)

    def subscribed(self, topic: str) -> grpc.Call:
        request = log.SubscribeRequest(targets=[log.FetchTarget(topic=topic)], decode=True)
        return self.log.Subscribe(request, timeout=SECONDS)

    def test_subscribe_streams_what_is_there_and_what_comes_until_cancelled(self):
        self.fill("stream", 3, 10)
        stream = self.subscribed("stream")

        def read() -> int:
            return sum(len(part.records) for part in next(stream).partitions)

        count = 0
        while count < 3:
            count += read()
        target = log.ProduceTarget(topic="stream", records=[log.ProduceRecord(value=b"new", partition=0)])
        self.log.Produce(log.ProduceRequest(targets=[target]), timeout=SECONDS)
        self.assertEqual(read(), 1)
        stream.cancel()
        with self.assertRaises(grpc.RpcError):
            next(stream)
        self.assertEqual(stream.code(), grpc.StatusCode.CANCELLED)

    def test_subscribe_of_no_topic_says_so(self):
        stream = self.subscribed("nowhere")
        self.assertEqual(next(stream).partitions[0].error.code, error.ERROR_CODE_UNKNOWN_TOPIC)
        stream.cancel()

    def test_slow_reader_of_a_stream_misses_nothing_and_holds_up_nobody(self):
        self.fill("slow", 40, 400_000)
        with door.channel_to(self.port) as slow, door.Neighbour(self.broker) as neighbour:
            request = log.SubscribeRequest(targets=[log.FetchTarget(topic="slow")], decode=True, max_bytes=400_000)
            stream = LogServiceStub(slow).Subscribe(request, timeout=20)
            count = 0
            for response in stream:
                count += sum(len(part.records) for part in response.partitions)
                if count >= 40:
                    break
                # Longer in all than what cuts whoever leaves an answer unread.
                time.sleep(0.08)
            stream.cancel()
        self.assertEqual(count, 40)
        self.assertEqual(neighbour.failures, [])
        self.assertLess(neighbour.slowest, 1)

    def test_calls_of_many_channels_at_once(self):
        channels = [door.channel_to(self.port) for _ in range(50)]
        request = admin.PingRequest(payload=b"x")
        calls = [AdminServiceStub(each).Ping.future(request, timeout=SECONDS) for each in channels]
        self.assertEqual({call.result().payload for call in calls}, {b"x"})
        for each in channels:
            each.close()
