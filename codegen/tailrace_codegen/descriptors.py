"""C output: the serialised FileDescriptorSet, and access to protobuf-c's descriptors."""

from google.protobuf import descriptor_pb2

from .model import Schema
from .writer import Writer

SET_NAME = "trw_descriptor_set"
# Of gRPC's own services, which are no part of ours.
GRPC_SET_NAME = "trw_grpc_descriptor_set"


def descriptor_set(protos) -> bytes:
    """The files without positions, each after those that it imports (protoc's order). Of comments, those are there that
    stand before what they are about."""
    result = descriptor_pb2.FileDescriptorSet()
    for proto in protos:
        copy = result.file.add()
        copy.CopyFrom(proto)
        copy.ClearField("source_code_info")
        for location in proto.source_code_info.location:
            if location.leading_comments:
                # A location without a span is none to some languages' libraries.
                copy.source_code_info.location.add(
                    path=location.path, span=[0, 0, 0], leading_comments=location.leading_comments)
    return result.SerializeToString(deterministic=True)


def emit_header(schema: Schema) -> str:
    out = Writer("proto/tailrace/v1")
    out.lines("#ifndef TRW_GENERATED_H", "#define TRW_GENERATED_H", "", "#include <stddef.h>", "#include <stdint.h>")
    out.blank()
    for file in schema.files:
        out.line(f'#include "{file.path.removesuffix(".proto")}.pb-c.h"')
    out.blank()
    for name, what in ((SET_NAME, "all schemas"), (GRPC_SET_NAME, "gRPC's own services")):
        out.doc(f"The serialised google.protobuf.FileDescriptorSet of {what}, with comments.")
        out.line(f"const uint8_t * _Nonnull {name}_start(void);")
        out.doc("Its length in bytes.")
        out.line(f"extern const size_t {name}_length;")
        out.blank()
    out.line("// Swift sees a global constant by value; these give the address by which protobuf-c knows a descriptor.")
    for message in schema.messages.values():
        out.blank()
        out.line("static inline const ProtobufCMessageDescriptor * _Nonnull")
        out.line(f"trw_descriptor_of_{message.c_prefix}(void) {{")
        out.line(f"  return &{message.c_prefix}__descriptor;")
        out.line("}")
    out.blank()
    out.line("#endif")
    return out.text()


def emit_source(data: bytes, name: str = SET_NAME, source: str = "proto/tailrace/v1") -> str:
    out = Writer(source)
    out.lines('#include "trw_generated.h"', "", "static const uint8_t data[] = {")
    for start in range(0, len(data), 20):
        out.line("  " + " ".join(f"0x{byte:02x}," for byte in data[start : start + 20]))
    out.lines("};", "", f"const size_t {name}_length = sizeof data;", "",
              f"const uint8_t *{name}_start(void) {{ return data; }}")
    return out.text()
