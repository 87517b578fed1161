"""Swift for the tests: random messages, ours and swift-protobuf's, and their comparison field by field."""

from . import names
from .model import Field, File, Message, Schema
from .writer import Writer


def emit(schema: Schema) -> dict[str, str]:
    result = {"AllMessages.swift": _emit_list(schema)}
    for file in schema.files:
        if file.messages:
            result[f"{file.stem}Checks.swift"] = _emit_checks(file)
    return result


def _emit_list(schema: Schema) -> str:
    out = Writer("proto/tailrace/v1")
    out.blank()
    out.line("import TailraceWire")
    out.blank()
    out.doc("Every message of the schemas: what the round-trip tests go through.")
    with out.block("let allMessages: [any IndependentlyChecked.Type] = [", "]"):
        for message in schema.messages.values():
            out.line(f"{message.name}.self,")
    return out.text()


def _emit_checks(file: File) -> str:
    out = Writer(f"proto/{file.path}")
    out.blank()
    out.line("import NIOCore")
    out.line("import TailraceWire")
    for message in file.messages:
        out.blank()
        _emit_check(out, message)
    return out.text()


def _emit_check(out: Writer, message: Message) -> None:
    independent = names.independent_type(message.full_name)
    # Messages without fields would leave the parameter or variable unused.
    declare = "var" if message.fields else "let"
    with out.block(f"extension {message.name}: IndependentlyChecked {{"):
        with out.block("static func random(_ values: inout RandomValues) -> Self {"):
            out.line(f"{declare} message = Self()")
            for each in message.fields:
                _emit_random(out, each, names.escaped(each.swift), _random_ours(each))
            out.line("return message")
        out.blank()
        with out.block(f"static func randomIndependent(_ values: inout RandomValues) -> {independent} {{"):
            out.line(f"{declare} message = {independent}()")
            for each in message.fields:
                _emit_random(out, each, names.independent_field(each.name), _random_independent(each))
            out.line("return message")
        out.blank()
        with out.block(f"func differences(from other: {independent}) -> [String] {{"):
            out.line(f"{declare} found = Differences()")
            for each in message.fields:
                theirs = names.independent_field(each.name)
                value = f"other.{theirs}"
                if each.presence:
                    value = f"other.has{theirs[:1].upper()}{theirs[1:]} ? {value} : nil"
                out.line(f'found.check("{each.name}", self.{each.swift}, {value})')
            out.line("return found.paths")


def _emit_random(out: Writer, each: Field, property_name: str, value: str) -> None:
    if each.repeated:
        out.line(f"message.{property_name} = values.array {{ values in {value} }}")
    elif each.presence:
        out.line(f"if values.bool() {{ message.{property_name} = {value} }}")
    else:
        out.line(f"message.{property_name} = {value}")


def _random_ours(each: Field) -> str:
    if each.kind == "message":
        return f"{each.element}.random(&values)"
    if each.kind == "enum":
        return f"{each.element}(rawValue: values.enumNumber())"
    if each.kind == "bytes":
        return "values.buffer()"
    return _random_plain(each)


def _random_independent(each: Field) -> str:
    if each.kind == "message":
        return f"{each.element}.randomIndependent(&values)"
    if each.kind == "enum":
        return f"values.independentEnum({names.independent_type(each.type_name)}.self)"
    if each.kind == "bytes":
        return "values.data()"
    return _random_plain(each)


def _random_plain(each: Field) -> str:
    if each.kind == "string":
        return "values.string()"
    if each.kind == "bool":
        return "values.bool()"
    if each.element in ("Float", "Double"):
        return f"{each.element}(values.double())"
    return f"values.integer({each.element}.self)"
