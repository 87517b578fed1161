"""The services that every gRPC server is expected to have: health and reflection."""

import grpc
import grpc_tests.door as door
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2 as health
from grpc_health.v1 import health_pb2_grpc as health_grpc
from grpc_reflection.v1alpha import reflection_pb2 as reflection

SECONDS = 10
SERVICES = {"tailrace.v1.AdminService", "tailrace.v1.GroupService", "tailrace.v1.LogService"}


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
        for name in ("", *SERVICES):
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
            self.assertLessEqual(SERVICES, {each.name for each in services.list_services_response.service})
            self.assertTrue(by_symbol.file_descriptor_response.file_descriptor_proto)
            self.assertTrue(by_name.file_descriptor_response.file_descriptor_proto)
            self.assertEqual(missing.error_response.error_code, grpc.StatusCode.NOT_FOUND.value[0])
            self.assertTrue(extension.error_response.error_code)

    def test_descriptors_are_such_as_every_language_takes(self):
        """Go refuses a file of which a location has no span of three or four numbers."""
        asked = reflection.ServerReflectionRequest(file_containing_symbol="tailrace.v1.GroupService")
        files = self.reflect("v1", asked)[0].file_descriptor_response.file_descriptor_proto
        self.assertTrue(files)
        for file in map(descriptor_pb2.FileDescriptorProto.FromString, files):
            for location in file.source_code_info.location:
                self.assertIn(len(location.span), (3, 4), f"{file.name}: {list(location.path)}")
