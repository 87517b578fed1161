"""The services that every gRPC server is expected to have: health and reflection."""

import grpc
import grpc_tests.door as door
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_health.v1 import health_pb2 as health
from grpc_health.v1 import health_pb2_grpc as health_grpc
from grpc_reflection.v1alpha import reflection_pb2 as reflection
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SECONDS = 10
SERVICES = {"tailrace.v1.AdminService", "tailrace.v1.GroupService", "tailrace.v1.LogService"}
GRPC_SERVICES = {
    "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
}


class Services(door.DoorCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.channel = door.channel_to(cls.port)
        cls.addClassCleanup(cls.channel.close)

    def reflect(self, version: str, *asked: reflection.ServerReflectionRequest) -> list:
        """The answers, all on one stream."""
        method = self.channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            reflection.ServerReflectionRequest.SerializeToString, reflection.ServerReflectionResponse.FromString)
        return list(method(iter(asked), timeout=SECONDS))

    def test_health_of_all_and_of_each_service(self):
        stub = health_grpc.HealthStub(self.channel)
        for name in ("", *SERVICES, *GRPC_SERVICES):
            status = stub.Check(health.HealthCheckRequest(service=name), timeout=SECONDS).status
            self.assertEqual(status, health.HealthCheckResponse.SERVING, name)
        with self.assertRaises(grpc.RpcError) as caught:
            stub.Check(health.HealthCheckRequest(service="nobody"), timeout=SECONDS)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
        for name, status in (("", health.HealthCheckResponse.SERVING),
                             ("nobody", health.HealthCheckResponse.SERVICE_UNKNOWN)):
            watch = stub.Watch(health.HealthCheckRequest(service=name), timeout=SECONDS)
            self.assertEqual(next(watch).status, status)
            watch.cancel()

    def test_reflection_answers_each_request_in_both_versions(self):
        asked = [reflection.ServerReflectionRequest(host="h", list_services=""),
                 reflection.ServerReflectionRequest(file_containing_symbol="tailrace.v1.LogService.Fetch"),
                 reflection.ServerReflectionRequest(file_by_filename="tailrace/v1/frame.proto"),
                 reflection.ServerReflectionRequest(file_containing_symbol="none.Such"),
                 reflection.ServerReflectionRequest(all_extension_numbers_of_type="tailrace.v1.Record")]
        for version in ("v1", "v1alpha"):
            services, by_symbol, by_name, missing, extension = self.reflect(version, *asked)
            self.assertEqual((services.valid_host, services.original_request), ("h", asked[0]))
            listed = [each.name for each in services.list_services_response.service]
            self.assertEqual(sorted(listed), sorted(SERVICES | GRPC_SERVICES))
            self.assertTrue(by_symbol.file_descriptor_response.file_descriptor_proto)
            self.assertTrue(by_name.file_descriptor_response.file_descriptor_proto)
            self.assertEqual(missing.error_response.error_code, grpc.StatusCode.NOT_FOUND.value[0])
            self.assertTrue(extension.error_response.error_code)

    def test_every_service_is_described_as_it_is_called(self):
        database = ProtoReflectionDescriptorDatabase(self.channel)
        self.assertEqual(set(database.get_services()), SERVICES | GRPC_SERVICES)
        pool = descriptor_pool.DescriptorPool(database)
        for name in SERVICES | GRPC_SERVICES:
            service = pool.FindServiceByName(name)
            self.assertTrue(service.methods, name)
        # Those that come with gRPC's own packages, and those that the door tells, are the same.
        for ours, own in ((pool.FindServiceByName("grpc.health.v1.Health"), health.DESCRIPTOR),
                          (pool.FindServiceByName("grpc.reflection.v1alpha.ServerReflection"), reflection.DESCRIPTOR)):
            self.assert_same_messages(ours.file, own)
            for method in ours.methods:
                theirs = own.services_by_name[ours.name].methods_by_name[method.name]
                for kind in ("input_type", "output_type"):
                    self.assertEqual(getattr(method, kind).full_name, getattr(theirs, kind).full_name)
                self.assertEqual(method.client_streaming, theirs.client_streaming)
                self.assertEqual(method.server_streaming, theirs.server_streaming)

    def assert_same_messages(self, ours, own) -> None:
        """All of ours are among gRPC's own, field by field."""
        for message in ours.message_types_by_name.values():
            theirs = own.message_types_by_name[message.name]
            fields = [[(field.number, field.name, field.type) for field in each.fields] for each in (message, theirs)]
            self.assertEqual(*fields)

    def test_descriptors_are_such_as_every_language_takes(self):
        """Go refuses a file of which a location has no span of three or four numbers."""
        names = ("tailrace.v1.GroupService", *GRPC_SERVICES)
        asked = [reflection.ServerReflectionRequest(file_containing_symbol=name) for name in names]
        answers = [answer.file_descriptor_response.file_descriptor_proto for answer in self.reflect("v1", *asked)]
        self.assertTrue(all(answers))
        files = [file for answer in answers for file in answer]
        for file in map(descriptor_pb2.FileDescriptorProto.FromString, files):
            for location in file.source_code_info.location:
                self.assertIn(len(location.span), (3, 4), f"{file.name}: {list(location.path)}")
