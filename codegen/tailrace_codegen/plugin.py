"""The protoc plugin: reads a CodeGeneratorRequest, writes a CodeGeneratorResponse."""

import sys

from google.protobuf.compiler import plugin_pb2

from . import GenerationError, descriptors, enums, messages, services, tests
from .model import Schema

PACKAGE = "tailrace.v1"


def parameters(text: str) -> dict[str, list[str]]:
    """"payload=a.b,inline=X/Y,inline=X/Z" -> {"payload": ["a.b"], "inline": ["X/Y", "X/Z"]}."""
    result: dict[str, list[str]] = {}
    for part in filter(None, text.split(",")):
        key, separator, value = part.partition("=")
        if not separator or key not in ("emit", "payload", "inline"):
            raise GenerationError(f"unknown parameter {part!r}; there are emit=, payload= and inline=")
        result.setdefault(key, []).append(value)
    return result


def swift_files(schema: Schema) -> dict[str, str]:
    result = {"RPCMethod.swift": services.emit_methods(schema)}
    for file in schema.files:
        if file.messages:
            result[f"{file.stem}Messages.swift"] = messages.emit_types(file)
            result[f"{file.stem}Conversions.swift"] = messages.emit_conversions(file)
        if file.enums:
            result[f"{file.stem}Enums.swift"] = enums.emit(file)
        for service in file.services:
            result[f"{service.name}Handler.swift"] = services.emit_handler(file.path, service)
            result[f"{service.name}Client.swift"] = services.emit_client(file.path, service)
    return result


def generate(request) -> dict[str, str]:
    """File names and contents for one request."""
    options = parameters(request.parameter)
    protos = [proto for proto in request.proto_file if proto.name in request.file_to_generate]
    if len(protos) != len(request.proto_file):
        raise GenerationError("all schemas must be generated in one run: they are embedded as one set")
    emit = options.get("emit", ["swift"])[-1]
    if emit == "c-grpc":
        data = descriptors.descriptor_set(protos)
        return {"trw_grpc_descriptor_set.c": descriptors.emit_source(data, descriptors.GRPC_SET_NAME, "codegen/grpc")}
    payload = options.get("payload", [None])[-1]
    schema = Schema(protos, PACKAGE, payload, set(options.get("inline", [])))
    if emit == "swift":
        return swift_files(schema)
    if emit == "c-header":
        return {"trw_generated.h": descriptors.emit_header(schema)}
    if emit == "c-source":
        return {"trw_descriptor_set.c": descriptors.emit_source(descriptors.descriptor_set(protos))}
    if emit == "tests":
        return tests.emit(schema)
    raise GenerationError(f"unknown emit={emit}; there are swift, c-header, c-source, c-grpc and tests")


def main() -> int:
    request = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    response = plugin_pb2.CodeGeneratorResponse()
    response.supported_features = plugin_pb2.CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
    try:
        for name, content in sorted(generate(request).items()):
            response.file.add(name=name, content=content)
    except GenerationError as error:
        response.error = str(error)
    sys.stdout.buffer.write(response.SerializeToString(deterministic=True))
    return 0
