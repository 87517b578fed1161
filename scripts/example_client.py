"""Tailrace from plain Python: protoc's modules and a socket. Usage: example_client.py HOST PORT"""
import socket
import struct
import sys
from tailrace.v1 import admin_service_pb2 as admin, frame_pb2 as frame, log_service_pb2 as log

class Connection:
    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=30)
        self.stream, self.calls = self.socket.makefile("rb"), 0
        self.socket.sendall(b"TRPC\x01\0\0\0")
        if self.stream.read(8)[:5] != b"TRPC\x01":
            raise ConnectionError("no Tailrace broker that speaks version 1")

    def call(self, method, request, response):
        self.calls += 1
        header = frame.RequestHeader(call_id=self.calls, method="tailrace.v1." + method).SerializeToString()
        message = request.SerializeToString()
        self.socket.sendall(struct.pack(">IH", 2 + len(header) + len(message), len(header)) + header + message)
        length, header_length = struct.unpack(">IH", self.stream.read(6))
        header = frame.ResponseHeader.FromString(self.stream.read(header_length))
        response.ParseFromString(self.stream.read(length - 2 - header_length))
        if header.status.code:
            raise RuntimeError(header.status.message)
        return response

broker = Connection(sys.argv[1], int(sys.argv[2]))
broker.call("AdminService/CreateTopic", admin.CreateTopicRequest(name="greetings"), admin.CreateTopicResponse())
records = [log.ProduceRecord(key=b"k", value=b"one"), log.ProduceRecord(key=b"k", value=b"two")]
target = log.ProduceTarget(topic="greetings", records=records + [log.ProduceRecord(value=b"three")])
result = broker.call("LogService/Produce", log.ProduceRequest(targets=[target]), log.ProduceResponse()).results[0]
assert not any(part.HasField("error") for part in [result, *result.records]), result
target = log.FetchTarget(topic="greetings", partition=0, offset=0)
response = broker.call("LogService/Fetch", log.FetchRequest(targets=[target], decode=True), log.FetchResponse())
assert not response.partitions[0].HasField("error"), response
for record in response.partitions[0].records:
    print(record.offset, record.key if record.HasField("key") else None, record.value)
