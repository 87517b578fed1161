"""The cases of gRPC's own tests of interoperability that apply, with gRPC's client and gRPC's test service.

https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md says what each does. The service is no part of
the product: Tests/GRPCTestServer adds it to a broker.
"""

import os
import pathlib
import queue
import subprocess
import unittest

import grpc
import grpc_tests.door as door
import test_service_pb2 as messages
from grpc_reflection.v1alpha import reflection_pb2 as reflection
from test_service_pb2_grpc import TestServiceStub, UnimplementedServiceStub

SECONDS = 10
INITIAL = ("x-grpc-test-echo-initial", "test_initial_metadata_value")
TRAILING = ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")


def payload(size: int) -> messages.Payload:
    return messages.Payload(body=bytes(size))


def output(*sizes: int, received: int = 0, **more) -> messages.StreamingOutputCallRequest:
    """Asks for responses of these sizes."""
    parameters = [messages.ResponseParameters(size=size) for size in sizes]
    return messages.StreamingOutputCallRequest(response_parameters=parameters, payload=payload(received), **more)


class Interop(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        # It is there until its input ends.
        server = subprocess.Popen(
            [os.environ["TAILRACE_GRPC_TEST_SERVER"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.end, server)
        cls.port = int(server.stdout.readline().rpartition(":")[2])
        cls.channel = door.channel_to(cls.port)
        cls.addClassCleanup(cls.channel.close)
        cls.stub = TestServiceStub(cls.channel)

    @classmethod
    def end(cls, server: subprocess.Popen) -> None:
        server.stdin.close()
        try:
            status = server.wait(SECONDS)
        finally:
            server.kill()
            server.stdout.close()
        if status:
            raise AssertionError(f"the server ended with status {status}")

    def assert_fails(self, call, code: grpc.StatusCode, details: str = "") -> None:
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        self.assertEqual(caught.exception.code(), code)
        if details:
            self.assertEqual(caught.exception.details(), details)

    def requests(self) -> queue.Queue:
        """What a client sends, one by one; it has no end before that of the test."""
        requests = queue.Queue()
        self.addCleanup(requests.put, None)
        return requests

    def assert_sizes(self, responses, *sizes: int) -> None:
        self.assertEqual([response.payload.body for response in responses], [bytes(size) for size in sizes])

    def test_empty_unary(self):
        self.assertEqual(self.stub.EmptyCall(messages.Empty(), timeout=SECONDS), messages.Empty())

    def test_large_unary(self):
        request = messages.SimpleRequest(response_size=314_159, payload=payload(271_828))
        for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
            response = self.stub.UnaryCall(request, timeout=SECONDS, compression=compression)
            self.assert_sizes([response], 314_159)

    def test_client_streaming(self):
        sizes = (27_182, 8, 1_828, 45_904)
        requests = [messages.StreamingInputCallRequest(payload=payload(size)) for size in sizes]
        response = self.stub.StreamingInputCall(iter(requests), timeout=SECONDS)
        self.assertEqual(response.aggregated_payload_size, 74_922)

    def test_server_streaming(self):
        sizes = (31_415, 9, 2_653, 58_979)
        self.assert_sizes(self.stub.StreamingOutputCall(output(*sizes), timeout=SECONDS), *sizes)

    def test_ping_pong(self):
        requests = self.requests()
        responses = self.stub.FullDuplexCall(iter(requests.get, None), timeout=SECONDS)
        for size, received in ((31_415, 27_182), (9, 8), (2_653, 1_828), (58_979, 45_904)):
            requests.put(output(size, received=received))
            self.assert_sizes([next(responses)], size)
        requests.put(None)
        self.assertEqual(list(responses), [])

    def test_empty_stream(self):
        self.assertEqual(list(self.stub.FullDuplexCall(iter(()), timeout=SECONDS)), [])

    def test_custom_metadata(self):
        request = messages.SimpleRequest(response_size=314_159, payload=payload(271_828))
        response, unary = self.stub.UnaryCall.with_call(request, metadata=(INITIAL, TRAILING), timeout=SECONDS)
        self.assert_sizes([response], 314_159)
        duplex = self.stub.FullDuplexCall(
            iter([output(314_159, received=271_828)]), metadata=(INITIAL, TRAILING), timeout=SECONDS)
        self.assert_sizes(duplex, 314_159)
        for call in (unary, duplex):
            self.assertIn(INITIAL, list(call.initial_metadata()))
            self.assertIn(TRAILING, list(call.trailing_metadata()))

    def test_status_code_and_message(self):
        self.assert_status("test status message")

    def test_special_status_message(self):
        self.assert_status("\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n")

    def assert_status(self, text: str) -> None:
        status = messages.EchoStatus(code=2, message=text)
        request = messages.SimpleRequest(response_status=status)
        self.assert_fails(lambda: self.stub.UnaryCall(request, timeout=SECONDS), grpc.StatusCode.UNKNOWN, text)
        duplex = self.stub.FullDuplexCall(iter([output(response_status=status)]), timeout=SECONDS)
        self.assert_fails(lambda: next(duplex), grpc.StatusCode.UNKNOWN, text)

    def test_unimplemented_method(self):
        self.assert_fails(
            lambda: self.stub.UnimplementedCall(messages.Empty(), timeout=SECONDS), grpc.StatusCode.UNIMPLEMENTED)

    def test_unimplemented_service(self):
        stub = UnimplementedServiceStub(self.channel)
        self.assert_fails(
            lambda: stub.UnimplementedCall(messages.Empty(), timeout=SECONDS), grpc.StatusCode.UNIMPLEMENTED)

    def test_cancel_after_begin(self):
        # Nothing is sent but the headers.
        call = self.stub.StreamingInputCall.future(iter(self.requests().get, None), timeout=SECONDS)
        call.cancel()
        self.assertTrue(call.cancelled())
        self.assertEqual(call.code(), grpc.StatusCode.CANCELLED)

    def test_cancel_after_first_response(self):
        requests = self.requests()
        requests.put(output(31_415, received=27_182))
        call = self.stub.FullDuplexCall(iter(requests.get, None), timeout=SECONDS)
        self.assert_sizes([next(call)], 31_415)
        call.cancel()
        self.assert_fails(lambda: next(call), grpc.StatusCode.CANCELLED)

    def test_timeout_on_sleeping_server(self):
        requests = self.requests()
        requests.put(output(received=27_182))
        call = self.stub.FullDuplexCall(iter(requests.get, None), timeout=0.001)
        self.assert_fails(lambda: next(call), grpc.StatusCode.DEADLINE_EXCEEDED)
        # The connection goes on.
        self.assertEqual(self.stub.EmptyCall(messages.Empty(), timeout=SECONDS), messages.Empty())


class Product(door.DoorCase):
    """The broker itself has nothing of it."""

    def test_it_serves_no_test_service(self):
        with door.channel_to(self.port) as channel:
            with self.assertRaises(grpc.RpcError) as caught:
                TestServiceStub(channel).EmptyCall(messages.Empty(), timeout=SECONDS)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)
            reflect = channel.stream_stream(
                "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                reflection.ServerReflectionRequest.SerializeToString, reflection.ServerReflectionResponse.FromString)
            answer = next(reflect(iter([reflection.ServerReflectionRequest(list_services="")]), timeout=SECONDS))
        services = {service.name for service in answer.list_services_response.service}
        self.assertFalse({name for name in services if name.startswith("grpc.testing.")}, services)

    def test_none_of_it_is_in_the_binary(self):
        names = (b"grpc.testing", b"GRPCTestService")
        for path, is_there in ((os.environ["TAILRACE_BINARY"], False), (os.environ["TAILRACE_GRPC_TEST_SERVER"], True)):
            content = pathlib.Path(path).read_bytes()
            for name in names:
                self.assertEqual(name in content, is_there, f"{name!r} in {path}")
