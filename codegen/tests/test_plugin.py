"""What the generator makes of small schemas, and what it refuses."""

import re
import unittest

from google.protobuf import descriptor_pb2
from google.protobuf.compiler import plugin_pb2

from tailrace_codegen import GenerationError
from tailrace_codegen.descriptors import descriptor_set
from tailrace_codegen.model import Schema
from tailrace_codegen.plugin import generate, parameters

FieldProto = descriptor_pb2.FieldDescriptorProto


def file_proto() -> descriptor_pb2.FileDescriptorProto:
    """message Leaf { bytes data = 3; }  message Middle { repeated Leaf leaves = 2; }  service S { rpc Do(Leaf) ... }"""
    proto = descriptor_pb2.FileDescriptorProto(name="tailrace/v1/x.proto", package="tailrace.v1", syntax="proto3")
    leaf = proto.message_type.add(name="Leaf")
    leaf.field.add(name="data", number=3, type=FieldProto.TYPE_BYTES, label=FieldProto.LABEL_OPTIONAL)
    middle = proto.message_type.add(name="Middle")
    add_message_field(middle, "leaves", 2, "Leaf", FieldProto.LABEL_REPEATED)
    method = proto.service.add(name="S").method.add(name="Do")
    method.input_type, method.output_type = ".tailrace.v1.Leaf", ".tailrace.v1.Middle"
    return proto


def add_message_field(message, name, number, type_name, label=FieldProto.LABEL_OPTIONAL):
    return message.field.add(
        name=name, number=number, type=FieldProto.TYPE_MESSAGE, type_name=f".tailrace.v1.{type_name}", label=label
    )


def schema(proto, payload="tailrace.v1.Leaf.data", inline=()):
    return Schema([proto], "tailrace.v1", payload, set(inline))


class PluginTest(unittest.TestCase):
    def refused(self, proto, *words, **options):
        with self.assertRaises(GenerationError) as caught:
            schema(proto, **options)
        for word in words:
            self.assertIn(word, str(caught.exception))

    def test_a_single_path_to_the_payload_is_found(self):
        messages = schema(file_proto()).messages
        self.assertEqual(messages["tailrace.v1.Leaf"].payload_path, [3])
        self.assertEqual(messages["tailrace.v1.Middle"].payload_path, [2, 3])

    def test_two_paths_to_the_payload_are_none(self):
        proto = file_proto()
        add_message_field(proto.message_type[1], "other", 4, "Leaf")
        self.assertEqual(schema(proto).messages["tailrace.v1.Middle"].payload_path, [])

    def test_what_is_not_supported_is_refused_by_name(self):
        oneof = file_proto()
        oneof.message_type[0].oneof_decl.add(name="choice")
        oneof.message_type[0].field[0].oneof_index = 0
        self.refused(oneof, "Leaf.data", "oneofs")

        recursive = file_proto()
        add_message_field(recursive.message_type[1], "self", 9, "Middle")
        self.refused(recursive, "Middle", "recursive")

        nested = file_proto()
        nested.message_type[0].nested_type.add(name="Inner")
        self.refused(nested, "Leaf", "nested")

        foreign = file_proto()
        foreign.message_type[1].field[0].type_name = ".google.protobuf.Any"
        self.refused(foreign, "Middle.leaves", "google.protobuf.Any")

        streams = file_proto()
        streams.service[0].method[0].client_streaming = True
        self.refused(streams, "S/Do", "client streams")

        enum = file_proto()
        enum.enum_type.add(name="Mode").value.add(name="OFF", number=0)
        self.refused(enum, "Mode.OFF", "MODE_")

    def test_wrong_parameters_are_refused(self):
        self.refused(file_proto(), "S/Nothing", inline=["S/Nothing"])
        self.refused(file_proto(), "Leaf.nothing", payload="tailrace.v1.Leaf.nothing")
        with self.assertRaises(GenerationError):
            parameters("colour=green")

    def test_two_fields_of_one_swift_name_are_refused(self):
        proto = file_proto()
        proto.message_type[0].field.add(name="Data", number=4, type=FieldProto.TYPE_BYTES)
        self.refused(proto, "Leaf", "data")

    def test_output_does_not_depend_on_the_order_of_files(self):
        first, second = file_proto(), descriptor_pb2.FileDescriptorProto()
        second.name, second.package, second.syntax = "tailrace/v1/a.proto", "tailrace.v1", "proto3"
        second.message_type.add(name="Other")
        outputs = []
        for protos in ([first, second], [second, first]):
            request = plugin_pb2.CodeGeneratorRequest(
                proto_file=protos, file_to_generate=[proto.name for proto in protos], parameter="emit=swift"
            )
            outputs.append(generate(request))
        self.assertEqual(outputs[0], outputs[1])

    def test_inline_methods_are_not_in_the_handler_but_in_the_client(self):
        request = plugin_pb2.CodeGeneratorRequest(
            proto_file=[file_proto()], file_to_generate=["tailrace/v1/x.proto"], parameter="emit=swift,inline=S/Do"
        )
        files = generate(request)
        self.assertNotIn("func do", files["SHandler.swift"].replace("`", ""))
        self.assertIn("func `do`(", files["SClient.swift"])
        self.assertIn("case sDo", files["RPCMethod.swift"])

    def test_the_descriptor_set_has_the_comments_before_declarations_and_no_positions(self):
        proto = file_proto()
        proto.source_code_info.location.add(path=[4, 0], span=[1, 2, 3], leading_comments=" A leaf.\n", trailing_comments="x")
        proto.source_code_info.location.add(path=[4, 1], span=[4, 5, 6])
        kept = descriptor_pb2.FileDescriptorSet.FromString(descriptor_set([proto])).file[0].source_code_info.location
        self.assertEqual([(list(location.path), location.leading_comments) for location in kept], [([4, 0], " A leaf.\n")])
        self.assertEqual([list(location.span) for location in kept], [[0, 0, 0]])
        self.assertFalse(any(location.trailing_comments for location in kept))

    def test_of_other_packages_the_descriptors_are_embedded_and_nothing_else(self):
        proto = file_proto()
        proto.package = "grpc.health.v1"
        proto.service[0].method[0].client_streaming = True
        request = plugin_pb2.CodeGeneratorRequest(
            proto_file=[proto], file_to_generate=[proto.name], parameter="emit=c-grpc")
        ((name, content),) = generate(request).items()
        self.assertEqual(name, "trw_grpc_descriptor_set.c")
        self.assertIn("const uint8_t *trw_grpc_descriptor_set_start(void)", content)
        data = bytes(int(byte, 16) for byte in re.findall(r"0x([0-9a-f]{2})", content))
        self.assertEqual(descriptor_pb2.FileDescriptorSet.FromString(data).file[0], proto)


if __name__ == "__main__":
    unittest.main()
