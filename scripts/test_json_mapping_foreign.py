"""Compares the tool's JSON form of messages of any schema with Google's own Python implementation: maps, groups, extensions and
the types of google.protobuf that have a JSON form of their own. TAILRACE_SEED=N repeats a run, TAILRACE_BINARY names the tool;
without it, the debug build's."""

import base64
import importlib
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import unittest

from google.protobuf import any_pb2, duration_pb2, json_format, struct_pb2, timestamp_pb2, wrappers_pb2
from google.protobuf.descriptor import FieldDescriptor as Field

import test_json_mapping as mapping

SEED = mapping.SEED
SCHEMAS = pathlib.Path(__file__).parent / "json_mapping"
MESSAGES_PER_TYPE = 120
MAX_DEPTH = 4
# Of odd values and fields, of some two thousand.
CASES = 250
WORDS = ["a", "b_c", "d_e_f", "long", "x1"]


class Chance(random.Random):
    """Draws messages."""

    def double(self) -> float:
        drawn = struct.unpack("<d", self.randbytes(8))[0]
        return self.choice([0.0, -0.0, 0.1, 1e300, float("inf"), float("-inf"), float("nan"), drawn])

    def float(self) -> float:
        drawn = struct.unpack("<f", self.randbytes(4))[0]
        return self.choice([0.0, 1.5, float("inf"), float("nan"), drawn])

    def scalar(self, field: Field):
        if field.type == Field.TYPE_DOUBLE:
            return self.double()
        if field.type == Field.TYPE_FLOAT:
            return self.float()
        # All numbers of NullValue have one JSON form.
        is_null = field.type == Field.TYPE_ENUM and field.enum_type.full_name == "google.protobuf.NullValue"
        if is_null or (field.type == Field.TYPE_ENUM and field.enum_type.is_closed):
            return self.choice([value.number for value in field.enum_type.values])
        return mapping.random_value(field, self)

    def json(self, depth: int = 0):
        """What a google.protobuf.Value holds."""
        kinds = [None, True, 1.5, -2e10, "", "t\u00e9xt\n"]
        if depth >= 3 or self.random() < 0.6:
            return self.choice(kinds)
        if self.random() < 0.5:
            return [self.json(depth + 1) for _ in range(self.randint(0, 3))]
        return {self.choice(["", "a", "b c", "\u00e9", "e\u0301"]): self.json(depth + 1) for _ in range(self.randint(0, 3))}

    def fill_any(self, message, depth: int) -> None:
        kinds = [duration_pb2.Duration, wrappers_pb2.Int64Value, struct_pb2.Value, timestamp_pb2.Timestamp, *Foreign.packable]
        inner = self.choice(kinds)()
        self.fill(inner, depth + 1)
        message.Pack(inner, type_url_prefix=self.choice(["type.googleapis.com/", "x.example/y/"]))

    def fill_known(self, message, depth: int) -> bool:
        """Fills a message of google.protobuf; False for all others."""
        match message.DESCRIPTOR.full_name.removeprefix("google.protobuf."):
            case "Timestamp":
                message.seconds = self.choice([0, -62135596800, 253402300799, self.randint(-62135596800, 10**11)])
                message.nanos = self.nanos()
            case "Duration":
                seconds, nanos = self.choice([0, 1, 315576000000, self.randint(0, 10**9)]), self.nanos()
                sign = self.choice([1, -1])
                message.seconds, message.nanos = sign * seconds, sign * nanos if seconds < 315576000000 else 0
            case "FieldMask":
                message.paths.extend(".".join(self.choices(WORDS, k=self.randint(1, 3))) for _ in range(self.randint(0, 3)))
            case "Struct":
                message.update({key: self.json() for key in self.sample(["a", "", "b", "\u00e9"], self.randint(0, 3))})
            case "Value":
                json_format.ParseDict(self.json(), message)
            case "ListValue":
                message.extend([self.json() for _ in range(self.randint(0, 3))])
            case "Any":
                if depth < MAX_DEPTH and self.random() < 0.9:
                    self.fill_any(message, depth)
            case _:
                return False
        return True

    def nanos(self) -> int:
        return self.choice([0, 1, 500_000_000, 1_000, 999_999_999, 120_000])

    def fill_map(self, field: Field, message, depth: int) -> None:
        key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
        entries = getattr(message, field.name)
        for _ in range(self.randint(0, 4)):
            drawn = self.scalar(key)
            if value.type == Field.TYPE_MESSAGE:
                entry = entries[drawn]
                entry.Clear()
                entry.SetInParent()
                self.fill(entry, depth + 1)
            else:
                entries[drawn] = self.scalar(value)

    def fill(self, message, depth: int = 0) -> None:
        if self.fill_known(message, depth):
            return
        for field in message.DESCRIPTOR.fields:
            is_message = field.type in (Field.TYPE_MESSAGE, Field.TYPE_GROUP)
            if self.random() < 0.6 or (is_message and depth >= MAX_DEPTH):
                continue
            if is_message and field.message_type.GetOptions().map_entry:
                self.fill_map(field, message, depth)
            elif mapping.is_repeated(field):
                values = getattr(message, field.name)
                for _ in range(self.randint(0, 3)):
                    if is_message:
                        self.fill(values.add(), depth + 1)
                    else:
                        values.append(self.scalar(field))
            elif is_message:
                child = getattr(message, field.name)
                child.SetInParent()
                self.fill(child, depth + 1)
            else:
                setattr(message, field.name, self.scalar(field))


def load(name: str):
    """The module of one of our schemas."""
    with tempfile.TemporaryDirectory() as directory:
        command = ["protoc", f"--proto_path={SCHEMAS}", f"--python_out={directory}", str(SCHEMAS / f"{name}.proto")]
        subprocess.run(command, check=True)
        sys.path.insert(0, directory)
        try:
            return importlib.import_module(f"{name}_pb2")
        finally:
            sys.path.remove(directory)


def tool(command: str, kind, *flags: str, lines: list[str]) -> list[str]:
    schema = SCHEMAS / kind.DESCRIPTOR.file.name
    return mapping.tool(command, kind.DESCRIPTOR.full_name, "--proto", str(schema), *flags, lines=lines)


def encoded(message) -> str:
    return base64.b64encode(message.SerializePartialToString()).decode()


class Foreign(unittest.TestCase):
    packable: list[type] = []

    @classmethod
    def setUpClass(cls):
        modern, cls.old = load("modern"), load("old")
        cls.modern = modern
        Foreign.packable = [modern.Kinds, modern.WellKnown]
        cls.types = [modern.Maps, modern.WellKnown, modern.Kinds, cls.old.Old]
        print(f"JSON mapping of any schema: TAILRACE_SEED={SEED}", file=sys.stderr)

    def messages(self, purpose: str):
        for kind in self.types:
            chance = Chance(f"{SEED} {purpose} {kind.DESCRIPTOR.full_name}")
            messages = [kind() for _ in range(MESSAGES_PER_TYPE)]
            for message in messages[1:]:
                chance.fill(message)
            yield kind, messages

    def test_messages_become_the_json_that_google_makes(self):
        defaults = mapping.Mapping.defaults_option()
        options = {(): {}, ("--proto-names",): {"preserving_proto_field_name": True}, ("--defaults",): {defaults: True}}
        for kind, messages in self.messages("to JSON"):
            lines = [encoded(message) for message in messages]
            for flags, google in options.items():
                for message, line in zip(messages, tool("decode", kind, *flags, lines=lines)):
                    with self.subTest(seed=SEED, type=kind.DESCRIPTOR.full_name, flags=flags):
                        self.assertEqual(json.loads(line), json_format.MessageToDict(message, **google))

    def test_the_json_that_google_makes_becomes_the_same_messages(self):
        for kind, messages in self.messages("from JSON"):
            for form in [{}, {"preserving_proto_field_name": True}, {"use_integers_for_enums": True}]:
                lines = [json_format.MessageToJson(message, indent=None, **form) for message in messages]
                for message, line in zip(messages, tool("encode", kind, lines=lines)):
                    with self.subTest(seed=SEED, type=kind.DESCRIPTOR.full_name, form=form):
                        ours = kind.FromString(base64.b64decode(line))
                        self.assertEqual(json_format.MessageToDict(ours), json_format.MessageToDict(message))
                        self.assertEqual(ours.ByteSize(), message.ByteSize())

    def test_google_reads_the_json_that_the_tool_makes(self):
        for kind, messages in self.messages("Google reads"):
            lines = [encoded(message) for message in messages]
            for message, line in zip(messages, tool("decode", kind, lines=lines)):
                with self.subTest(seed=SEED, type=kind.DESCRIPTOR.full_name):
                    read = json_format.MessageToDict(json_format.Parse(line, kind()))
                    self.assertEqual(read, json_format.MessageToDict(message))

    def test_extensions_are_left_out(self):
        message = self.old.Old(number=1)
        message.Extensions[self.old.extra] = "x"
        message.Extensions[self.old.extras].add(number=2)
        self.assertEqual([json.loads(line) for line in tool("decode", self.old.Old, lines=[encoded(message)])], [{"number": 1}])

    def test_an_any_of_an_unknown_type_has_its_bytes_both_ways(self):
        message = self.modern.WellKnown(any=any_pb2.Any(type_url="x.example/no.Such", value=b"\0\xff"))
        line, = tool("decode", self.modern.WellKnown, lines=[encoded(message)])
        self.assertEqual(json.loads(line), {"any": {"@type": "x.example/no.Such", "value": "AP8="}})
        back, = tool("encode", self.modern.WellKnown, lines=[line])
        self.assertEqual(self.modern.WellKnown.FromString(base64.b64decode(back)), message)

    def test_what_google_refuses_is_refused(self):
        """And what both read is the same message: a sample of fields and odd values."""
        values = [
            None, True, 0, 1.5, "", "x", [], {}, [None], [[]], {"": None}, {"a": 1}, {"1": "x"}, {"01": "x"}, {"true": 1}, {"-1": "1"},
            {"4294967296": 1}, {"1.5": 1}, {"1": None}, {"@type": "x"}, {"@type": "x/google.protobuf.Duration", "value": "1s"},
            {"@type": "x/google.protobuf.Duration"}, {"@type": "x/mapping.modern.Kinds", "aSint32": 3}, "1s", "1.5s", "-0.5s", "1.s",
            "+1s", "1", "315576000000s", "315576000001s", "1.0000000001s", "2026-01-31T23:59:59Z", "2026-02-30T00:00:00Z",
            "0001-01-01T00:00:00Z", "0000-12-31T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59-01:00",
            "2026-01-31T23:59:59.1234567890Z", "2026-01-31T23:59:59+01:30", "2026-01-31t23:59:59z", "2026-01-31 23:59:59Z",
            "2026-01-31T23:59:59", "2026-01-31", "a,bC", "a_b", "aB.cD,e", ",", "NaN", "Infinity", 1e400, "AP8=", "-1", "18446744073709551615",
        ]  # fmt: skip
        fields = [(kind, field) for kind in (self.modern.Maps, self.modern.WellKnown) for field in kind.DESCRIPTOR.fields]
        cases = [(kind, field, value) for kind, field in fields for value in values]
        for kind, field, value in random.Random(f"{SEED} odd").sample(cases, CASES):
            text = json.dumps({field.json_name: value})
            try:
                google = json_format.Parse(text, kind())
            except (json_format.ParseError, ValueError, TypeError, AttributeError, OverflowError):
                google = None
            ours, reason = self.read(kind, text)
            with self.subTest(seed=SEED, type=kind.DESCRIPTOR.full_name, text=text, reason=reason):
                if google is not None and ours is not None:
                    self.assertEqual(json_format.MessageToDict(ours), json_format.MessageToDict(google))
                elif ours is not None:
                    # Null is an absent field, of whatever type: Python has it otherwise for lists of Value.
                    self.assertEqual(text, '{"values": null}')
                elif google is not None:
                    self.assertTrue(self.is_lax(field, value))

    @staticmethod
    def is_lax(field: Field, value) -> bool:
        """Where Python reads what the specification does not have: base64 that is none, booleans and texts for numbers and enums,
        digits before and behind which there is something, numbers that JSON cannot write, anything for an Empty."""
        is_enum = field.type == Field.TYPE_ENUM or field.name == "sfixed32s"
        number = field.name in ("double_value", "float_value") and isinstance(value, bool)
        text = field.name == "bytes_value" or (field.name == "duration" and value in ("1.s", "+1s", "1.0000000001s"))
        return is_enum or number or text or field.name == "empty" or value in (float("inf"), {"01": "x"})

    def read(self, kind, text: str):
        """What the tool makes of a text, or nothing and why."""
        command = [mapping.TAILRACE, "rpc", "encode", kind.DESCRIPTOR.full_name, text, "--proto", self.set_path()]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertIn(result.returncode, (0, 64), result.stderr)
        message = kind.FromString(base64.b64decode(result.stdout)) if result.returncode == 0 else None
        return message, result.stderr.strip()

    @classmethod
    def set_path(cls) -> str:
        """A descriptor set, which needs no protoc for each run."""
        if not hasattr(cls, "directory"):
            cls.directory = tempfile.TemporaryDirectory()
            cls.addClassCleanup(cls.directory.cleanup)
            path = pathlib.Path(cls.directory.name) / "set"
            command = ["protoc", "--include_imports", "-o", str(path), f"--proto_path={SCHEMAS}", str(SCHEMAS / "modern.proto")]
            subprocess.run(command, check=True)
        return str(pathlib.Path(cls.directory.name) / "set")


if __name__ == "__main__":
    unittest.main()
