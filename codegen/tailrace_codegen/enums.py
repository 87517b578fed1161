"""Swift types for enums: open, so that unknown values survive."""

from . import names
from .model import Enum, File
from .writer import Writer


def emit(file: File) -> str:
    out = Writer(f"proto/{file.path}")
    for enum in file.enums:
        out.blank()
        _emit_enum(out, enum)
    return out.text()


def _emit_enum(out: Writer, enum: Enum) -> None:
    out.doc(enum.comment)
    with out.block(f"package struct {enum.name}: WireEnum {{"):
        out.line("package let rawValue: Int32")
        out.blank()
        out.line("package init(rawValue: Int32) { self.rawValue = rawValue }")
        out.blank()
        for value in enum.values:
            out.doc(value.comment)
            out.line(f"package static let {names.escaped(value.swift)} = {enum.name}(rawValue: {value.number})")
        out.blank()
        out.doc("Every value that this release knows, in the schema's order.")
        with out.block(f"package static let allKnown: [{enum.name}] = [", "]"):
            for value in enum.values:
                out.line(f".{value.swift},")
        out.blank()
        out.doc("The value's name in the schema, or its number where this release does not know it.")
        with out.block("package var name: String {"):
            with out.switch("rawValue"):
                for value in enum.values:
                    out.line(f'case {value.number}: "{value.name}"')
                out.line('default: "\\(rawValue)"')
