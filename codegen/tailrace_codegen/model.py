"""The schemas as the emitters want them: resolved, named and checked."""

from dataclasses import dataclass, field

from google.protobuf import descriptor_pb2

from . import GenerationError, names

FieldProto = descriptor_pb2.FieldDescriptorProto

SCALARS = {
    FieldProto.TYPE_DOUBLE: "Double",
    FieldProto.TYPE_FLOAT: "Float",
    FieldProto.TYPE_INT64: "Int64",
    FieldProto.TYPE_SINT64: "Int64",
    FieldProto.TYPE_SFIXED64: "Int64",
    FieldProto.TYPE_INT32: "Int32",
    FieldProto.TYPE_SINT32: "Int32",
    FieldProto.TYPE_SFIXED32: "Int32",
    FieldProto.TYPE_UINT64: "UInt64",
    FieldProto.TYPE_FIXED64: "UInt64",
    FieldProto.TYPE_UINT32: "UInt32",
    FieldProto.TYPE_FIXED32: "UInt32",
    FieldProto.TYPE_BOOL: "Bool",
}


@dataclass
class Field:
    """One field. `kind` is scalar, bool, string, bytes, enum or message."""

    name: str
    number: int
    kind: str
    # Swift name of one value: "UInt32", "String", "ByteBuffer", "ErrorCode", "FetchTarget".
    element: str
    repeated: bool
    # Absence can be told from the default: proto3 `optional`, and singular messages.
    presence: bool
    # protobuf-c keeps presence in a case field, as it does for a oneof (proto3 `optional`, messages included).
    c_case: str | None
    comment: str
    # Full name of the enum or message.
    type_name: str = ""
    # Swift name of an enum's value 0.
    enum_zero: str = ""
    # Its value is a slice of the source buffer where decoding can do that.
    payload: bool = False

    @property
    def swift(self) -> str:
        return names.lower_camel(self.name)

    @property
    def c(self) -> str:
        return names.c_field(self.name)

    @property
    def swift_type(self) -> str:
        if self.repeated:
            return f"[{self.element}]"
        return self.element + ("?" if self.presence else "")

    @property
    def default(self) -> str:
        if self.repeated:
            return "[]"
        if self.presence:
            return "nil"
        if self.kind == "enum":
            return f".{self.enum_zero}"
        return {"scalar": "0", "bool": "false", "string": '""', "bytes": "ByteBuffer()"}[self.kind]


@dataclass
class Message:
    name: str
    full_name: str
    comment: str
    fields: list[Field]
    # Field numbers that lead to the payload field; empty where none or more than one path does.
    payload_path: list[int] = field(default_factory=list)

    @property
    def c_type(self) -> str:
        return names.c_type(self.full_name)

    @property
    def c_prefix(self) -> str:
        return names.c_function_prefix(self.full_name)


@dataclass
class EnumValue:
    name: str
    swift: str
    number: int
    comment: str


@dataclass
class Enum:
    name: str
    full_name: str
    comment: str
    values: list[EnumValue]


@dataclass
class Method:
    name: str
    service: str
    full_name: str
    request: str
    response: str
    request_full_name: str
    response_full_name: str
    streaming: bool
    comment: str
    # Answered by code of the broker on raw bytes, not by a handler.
    inline: bool

    @property
    def swift(self) -> str:
        return names.lower_first(self.name)

    @property
    def case(self) -> str:
        return names.lower_first(self.service) + self.name


@dataclass
class Service:
    name: str
    full_name: str
    comment: str
    methods: list[Method]


@dataclass
class File:
    path: str
    stem: str
    messages: list[Message]
    enums: list[Enum]
    services: list[Service]


class Schema:
    """All files of one run of protoc, in the order of their paths."""

    def __init__(self, protos, package: str, payload: str | None, inline: set[str]):
        self.package = package
        self.inline = inline
        self.inline_seen: set[str] = set()
        self.payload = payload
        self.files = [self._file(proto) for proto in sorted(protos, key=lambda proto: proto.name)]
        self.messages = {message.full_name: message for file in self.files for message in file.messages}
        zeros = {enum.full_name: enum.values[0].swift for file in self.files for enum in file.enums}
        for each in (each for message in self.messages.values() for each in message.fields):
            each.enum_zero = zeros.get(each.type_name, "")
        self._check()
        self._find_payload_paths()

    # Building

    def _file(self, proto) -> File:
        if proto.package != self.package or proto.syntax != "proto3":
            raise GenerationError(f"{proto.name}: expected proto3 and package {self.package}")
        comments = _Comments(proto)
        return File(
            path=proto.name,
            stem=names.file_stem(proto.name),
            messages=[self._message(m, comments, (4, i)) for i, m in enumerate(proto.message_type)],
            enums=[self._enum(e, comments, (5, i)) for i, e in enumerate(proto.enum_type)],
            services=[self._service(s, comments, (6, i)) for i, s in enumerate(proto.service)],
        )

    def _message(self, proto, comments, path) -> Message:
        if proto.nested_type or proto.enum_type:
            raise GenerationError(f"{proto.name}: nested types and maps are not supported")
        full_name = f"{self.package}.{proto.name}"
        fields = [self._field(f, proto, comments, (*path, 2, i)) for i, f in enumerate(proto.field)]
        if self.payload:
            for each in fields:
                each.payload = f"{full_name}.{each.name}" == self.payload
                if each.payload and (each.kind != "bytes" or each.repeated or each.presence):
                    raise GenerationError(f"{self.payload}: a payload must be a singular `bytes` without `optional`")
        return Message(proto.name, full_name, comments.at(path), fields)

    def _field(self, proto, message, comments, path) -> Field:
        where = f"{message.name}.{proto.name}"
        if proto.HasField("oneof_index") and not proto.proto3_optional:
            raise GenerationError(f"{where}: oneofs are not supported; use optional fields")
        kind, element = self._kind(proto, where)
        repeated = proto.label == FieldProto.LABEL_REPEATED
        c_case = None
        if proto.proto3_optional:
            c_case = names.c_camel_to_lower(message.oneof_decl[proto.oneof_index].name) + "_case"
        return Field(
            name=proto.name,
            number=proto.number,
            kind=kind,
            element=element,
            repeated=repeated,
            presence=not repeated and (proto.proto3_optional or kind == "message"),
            c_case=c_case,
            comment=comments.at(path),
            type_name=proto.type_name.lstrip("."),
        )

    def _kind(self, proto, where) -> tuple[str, str]:
        if proto.type == FieldProto.TYPE_BOOL:
            return "bool", "Bool"
        if proto.type in SCALARS:
            return "scalar", SCALARS[proto.type]
        if proto.type == FieldProto.TYPE_STRING:
            return "string", "String"
        if proto.type == FieldProto.TYPE_BYTES:
            return "bytes", "ByteBuffer"
        kind = {FieldProto.TYPE_ENUM: "enum", FieldProto.TYPE_MESSAGE: "message"}.get(proto.type)
        if kind is None:
            raise GenerationError(f"{where}: groups are not supported")
        return kind, self._local(proto.type_name, where)

    def _local(self, type_name: str, where: str) -> str:
        prefix = f".{self.package}."
        if not type_name.startswith(prefix) or "." in type_name[len(prefix):]:
            raise GenerationError(f"{where}: {type_name} is not a type of package {self.package}")
        return type_name[len(prefix):]

    def _enum(self, proto, comments, path) -> Enum:
        prefix = names.upper_snake(proto.name) + "_"
        values = []
        for index, value in enumerate(proto.value):
            if not value.name.startswith(prefix):
                raise GenerationError(f"{proto.name}.{value.name}: expected the prefix {prefix}")
            swift = names.lower_camel(value.name.removeprefix(prefix))
            values.append(EnumValue(value.name, swift, value.number, comments.at((*path, 2, index))))
        if proto.options.allow_alias or proto.value[0].number != 0:
            raise GenerationError(f"{proto.name}: aliases are not supported, and the first value must be 0")
        return Enum(proto.name, f"{self.package}.{proto.name}", comments.at(path), values)

    def _service(self, proto, comments, path) -> Service:
        methods = []
        for index, method in enumerate(proto.method):
            short = f"{proto.name}/{method.name}"
            if method.client_streaming:
                raise GenerationError(f"{short}: client streams are not supported")
            if short in self.inline:
                self.inline_seen.add(short)
            methods.append(
                Method(
                    name=method.name,
                    service=proto.name,
                    full_name=f"{self.package}.{short}",
                    request=self._local(method.input_type, short),
                    response=self._local(method.output_type, short),
                    request_full_name=method.input_type.lstrip("."),
                    response_full_name=method.output_type.lstrip("."),
                    streaming=method.server_streaming,
                    comment=comments.at((*path, 2, index)),
                    inline=short in self.inline,
                )
            )
        return Service(proto.name, f"{self.package}.{proto.name}", comments.at(path), methods)

    # Checking

    def _check(self) -> None:
        if missing := sorted(self.inline - self.inline_seen):
            raise GenerationError(f"parameter inline: there is no method {', '.join(missing)}")
        payloads = [f for m in self.messages.values() for f in m.fields if f.payload]
        if self.payload and not payloads:
            raise GenerationError(f"parameter payload: there is no field {self.payload}")
        for message in self.messages.values():
            _check_unique(message.name, [f.swift for f in message.fields], {"fullName", "payloadPath", "hashValue"})
        for enum in (enum for file in self.files for enum in file.enums):
            taken = {"rawValue", "allKnown", "name", "description", "hashValue"}
            _check_unique(enum.name, [v.swift for v in enum.values], taken)

    def _find_payload_paths(self) -> None:
        for message in self.messages.values():
            paths = list(self._payload_paths(message, ()))
            if len(paths) == 1:
                message.payload_path = list(paths[0])

    def _payload_paths(self, message: Message, above: tuple[str, ...]):
        if message.full_name in above:
            raise GenerationError(f"{message.full_name}: recursive messages are not supported")
        for each in message.fields:
            if each.payload:
                yield (each.number,)
            elif each.kind == "message":
                for rest in self._payload_paths(self.messages[each.type_name], (*above, message.full_name)):
                    yield (each.number, *rest)


class _Comments:
    """Leading comments by the path of what they belong to."""

    def __init__(self, proto):
        self._by_path = {
            tuple(location.path): location.leading_comments
            for location in proto.source_code_info.location
            if location.leading_comments
        }

    def at(self, path) -> str:
        lines = self._by_path.get(tuple(path), "").splitlines()
        return "\n".join(line.removeprefix(" ").rstrip() for line in lines).strip("\n")


def _check_unique(where: str, identifiers: list[str], taken: set[str]) -> None:
    seen = set(taken)
    for identifier in identifiers:
        if identifier in seen:
            raise GenerationError(f"{where}: the Swift name {identifier} is used twice or reserved")
        seen.add(identifier)
