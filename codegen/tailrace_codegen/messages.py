"""Swift structs for messages, and their conversion from and to protobuf-c's structs."""

from . import names
from .model import Field, File, Message
from .writer import Writer


def emit_types(file: File) -> str:
    """The structs: fields, defaults, memberwise initialisers."""
    out = Writer(f"proto/{file.path}")
    if any(f.kind == "bytes" for m in file.messages for f in m.fields):
        out.blank()
        out.line("package import NIOCore")
    for message in file.messages:
        out.blank()
        _emit_type(out, message)
    return out.text()


def _emit_type(out: Writer, message: Message) -> None:
    out.doc(message.comment)
    with out.block(f"package struct {message.name}: WireMessage {{"):
        for each in message.fields:
            out.doc(each.comment)
            out.line(f"package var {names.escaped(each.swift)}: {each.swift_type} = {each.default}")
        if message.fields:
            out.blank()
        out.doc("A message with every field absent or at its default.")
        out.line("package init() {}")
        if message.fields:
            out.blank()
            _emit_memberwise(out, message)


def _emit_memberwise(out: Writer, message: Message) -> None:
    out.doc("A message with these fields; those that are left out are absent or at their default.")
    parameters = [f"{names.escaped(f.swift)}: {f.swift_type} = {f.default}" for f in message.fields]
    one_line = f"package init({', '.join(parameters)}) {{"
    if len(one_line) <= 118:
        opening, closing = one_line, "}"
    else:
        out.line("package init(")
        with out.indented():
            for index, parameter in enumerate(parameters):
                out.line(parameter + ("," if index + 1 < len(parameters) else ""))
        opening, closing = ") {", "}"
    with out.block(opening, closing):
        for each in message.fields:
            out.line(f"self.{each.swift} = {names.escaped(each.swift)}")


def emit_conversions(file: File) -> str:
    """What WireMessage asks of each message."""
    out = Writer(f"proto/{file.path}")
    out.blank()
    out.line("package import CTailraceWire")
    for message in file.messages:
        out.blank()
        _emit_conversion(out, message)
    return out.text()


def _emit_conversion(out: Writer, message: Message) -> None:
    with out.block(f"extension {message.name} {{"):
        out.line(f'package static var fullName: String {{ "{message.full_name}" }}')
        if message.payload_path:
            numbers = ", ".join(map(str, message.payload_path))
            out.line(f"package static let payloadPath: [UInt32] = [{numbers}]")
        out.blank()
        out.line("package static var cDescriptor: UnsafePointer<ProtobufCMessageDescriptor> {")
        out.line(f"  trw_descriptor_of_{message.c_prefix}()")
        out.line("}")
        out.blank()
        with out.block(f"package static func initialize(_ c: UnsafeMutablePointer<{message.c_type}>) {{"):
            out.line(f"{message.c_prefix}__init(c)")
        out.blank()
        out.line("package init(")
        out.line(f"  reading c: UnsafePointer<{message.c_type}>, _ reader: inout MessageReader")
        with out.block(") {"):
            for each in message.fields:
                _emit_read(out, each)
        out.blank()
        out.line("package func write(")
        out.line(f"  to c: UnsafeMutablePointer<{message.c_type}>, _ writer: inout MessageWriter")
        with out.block(") throws(EncodeError) {"):
            for each in message.fields:
                _emit_write(out, each)


def _emit_read(out: Writer, each: Field) -> None:
    here, there = f"self.{each.swift}", f"c.pointee.{each.c}"
    if each.repeated:
        out.assign(here, f"reader.{_plural(each)}({there}, count: c.pointee.n_{each.c})")
    elif each.c_case:
        value = f"reader.message({there})" if each.kind == "message" else _read_one(each, there)
        out.assign(here, f"c.pointee.{each.c_case}.rawValue == {each.number} ? {value} : nil")
    else:
        out.assign(here, _read_one(each, there))


def _read_one(each: Field, there: str) -> str:
    if each.kind == "bool":
        return f"{there} != 0"
    if each.kind == "scalar":
        return there
    if each.kind == "enum":
        return f"{each.element}(rawValue: Int32(truncatingIfNeeded: {there}.rawValue))"
    return f"reader.{'payload' if each.payload else each.kind}({there})"


def _emit_write(out: Writer, each: Field) -> None:
    here, there = f"self.{each.swift}", f"c.pointee.{each.c}"
    if each.repeated:
        out.line(f"({there}, c.pointee.n_{each.c}) =")
        out.line(f'  try writer.{_plural(each)}({here}, "{each.name}")')
    elif each.presence:
        with out.block(f"if let value = {here} {{"):
            out.line(f"{there} = {_write_one(each, 'value')}")
            if each.c_case:
                out.line(f"c.pointee.{each.c_case} = .init({each.number})")
    elif each.kind == "string":
        with out.block(f"if !{here}.isEmpty {{"):
            out.line(f"{there} = {_write_one(each, here)}")
    else:
        out.line(f"{there} = {_write_one(each, here)}")


def _write_one(each: Field, value: str) -> str:
    if each.kind == "scalar":
        return value
    if each.kind == "bool":
        return f"{value} ? 1 : 0"
    if each.kind == "enum":
        return f".init(rawValue: .init(truncatingIfNeeded: {value}.rawValue))"
    if each.kind == "bytes":
        return f"writer.bytes({value})"
    return f'try writer.{each.kind}({value}, "{each.name}")'


def _plural(each: Field) -> str:
    return {
        "scalar": "scalars", "bool": "bools", "string": "strings", "bytes": "byteBuffers", "enum": "enums",
        "message": "messages",
    }[each.kind]
