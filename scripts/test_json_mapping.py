"""Compares the tool's JSON form of messages with the one of Google's own Python implementation, for random messages of every
type of the schemas, both ways. TAILRACE_SEED=N repeats a run, TAILRACE_BINARY names the tool; without it, the debug build's."""

import base64
import importlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor as Field

ROOT = pathlib.Path(__file__).parent.parent
TAILRACE = os.environ.get("TAILRACE_BINARY") or str(ROOT / ".build/debug/tailrace")
SEED = int(os.environ.get("TAILRACE_SEED") or random.SystemRandom().getrandbits(32))
MESSAGES_PER_TYPE = 60
MAX_DEPTH = 4

BITS = {
    Field.TYPE_INT32: (-(2**31), 2**31 - 1), Field.TYPE_SINT32: (-(2**31), 2**31 - 1),
    Field.TYPE_SFIXED32: (-(2**31), 2**31 - 1), Field.TYPE_UINT32: (0, 2**32 - 1), Field.TYPE_FIXED32: (0, 2**32 - 1),
    Field.TYPE_INT64: (-(2**63), 2**63 - 1), Field.TYPE_SINT64: (-(2**63), 2**63 - 1),
    Field.TYPE_SFIXED64: (-(2**63), 2**63 - 1), Field.TYPE_UINT64: (0, 2**64 - 1), Field.TYPE_FIXED64: (0, 2**64 - 1),
}  # fmt: skip


def load_types() -> list[type]:
    """The classes of all messages of the schemas, by name."""
    with tempfile.TemporaryDirectory() as directory:
        schemas = sorted((ROOT / "proto").glob("tailrace/v1/*.proto"))
        command = [shutil.which("protoc") or "protoc", f"--proto_path={ROOT / 'proto'}", f"--python_out={directory}"]
        subprocess.run([*command, *map(str, schemas)], check=True)
        sys.path.insert(0, directory)
        try:
            for schema in schemas:
                importlib.import_module(f"tailrace.v1.{schema.stem}_pb2")
        finally:
            sys.path.remove(directory)
    pool = descriptor_pool.Default()
    found = {}
    for schema in schemas:
        file = pool.FindFileByName(f"tailrace/v1/{schema.name}")
        pending = list(file.message_types_by_name.values())
        while pending:
            descriptor = pending.pop()
            pending += descriptor.nested_types
            found[descriptor.full_name] = message_factory.GetMessageClass(descriptor)
    return [found[name] for name in sorted(found)]


def random_value(field: Field, chance: random.Random):
    """A value of a field that holds no message: extremes more often than chance would have them."""
    if field.type in BITS:
        lowest, highest = BITS[field.type]
        return chance.choice([0, 1, lowest, highest, 2**31 - 1, chance.randint(lowest, highest), chance.randint(0, 99)])
    if field.type == Field.TYPE_BOOL:
        return chance.random() < 0.5
    if field.type == Field.TYPE_ENUM:
        known = [value.number for value in field.enum_type.values]
        return chance.choice([*known, chance.randint(-(2**31), 2**31 - 1), 2**31 - 1])
    if field.type == Field.TYPE_STRING:
        return "".join(chance.choice('ab0 _\u00e9\u4e2d\U0001f600"\\/\n\r\t\x01\x7f\u2028<&') for _ in range(chance.randint(0, 12)))
    if field.type == Field.TYPE_BYTES:
        return chance.randbytes(chance.choice([0, 1, 2, 3, 16, chance.randint(0, 300)]))
    if field.type in (Field.TYPE_DOUBLE, Field.TYPE_FLOAT):
        return chance.choice([0.0, 1.5, -2.25, float("inf"), float("-inf"), 1e10])
    raise AssertionError(f"{field.full_name} is of a type that is not drawn")


def is_repeated(field: Field) -> bool:
    """Later releases of protobuf have no label, earlier ones nothing else."""
    return field.is_repeated if hasattr(field, "is_repeated") else field.label == Field.LABEL_REPEATED


def fill(message, chance: random.Random, depth: int = 0) -> None:
    for field in message.DESCRIPTOR.fields:
        if chance.random() < 0.4:
            continue
        is_message = field.type == Field.TYPE_MESSAGE
        if is_message and depth >= MAX_DEPTH:
            continue
        if is_repeated(field):
            values = getattr(message, field.name)
            for _ in range(chance.randint(0, 3)):
                if is_message:
                    fill(values.add(), chance, depth + 1)
                else:
                    values.append(random_value(field, chance))
        elif is_message:
            child = getattr(message, field.name)
            child.SetInParent()
            fill(child, chance, depth + 1)
        else:
            setattr(message, field.name, random_value(field, chance))


def odd_json(descriptor, chance: random.Random):
    """An object with one field whose value may or may not be of its type, and whether a list was drawn."""
    field = chance.choice(list(descriptor.fields))
    value = chance.choice([
        None, True, False, 0, 1, -1, 2**31, 2**32, 2**63, 2**64, -(2**63), 1.0, 1.5, 1e3, "", "0", "1", "-1", "1.0", "1e2",
        "1.5", "abc", "AP8=", "AP8", "_-8=", "A", "A===", "true", [], {}, "18446744073709551615", "-0", [1], [None], "ACKS_NONE",
        "\u00e9", 99, [[]], " 1", "1 ", "0x10", "+1", "01",
    ])  # fmt: skip
    return {chance.choice([field.name, field.json_name]): value}


def tool(*arguments: str, lines: list[str]) -> list[str]:
    """What `tailrace rpc` prints for these lines: as many."""
    result = subprocess.run(
        [TAILRACE, "rpc", *arguments], input="".join(line + "\n" for line in lines), capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise AssertionError(f"seed {SEED}: {arguments}: {result.stderr}")
    printed = result.stdout.split("\n")[:-1]
    if len(printed) != len(lines):
        raise AssertionError(f"seed {SEED}: {arguments}: {len(printed)} lines for {len(lines)}")
    return printed


class Mapping(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not os.access(TAILRACE, os.X_OK):
            raise AssertionError(f"there is no {TAILRACE}; build it, or name another in TAILRACE_BINARY")
        cls.types = load_types()
        print(f"JSON mapping of {len(cls.types)} types: TAILRACE_SEED={SEED}", file=sys.stderr)

    def messages(self, purpose: str):
        """Each type with random messages of it, the empty one among them."""
        for kind in self.types:
            chance = random.Random(f"{SEED} {purpose} {kind.DESCRIPTOR.full_name}")
            messages = [kind() for _ in range(MESSAGES_PER_TYPE)]
            for message in messages[1:]:
                fill(message, chance)
            yield kind, messages

    def test_messages_become_the_json_that_google_makes(self):
        options = {
            (): {},
            ("--proto-names",): {"preserving_proto_field_name": True},
            ("--defaults",): {self.defaults_option(): True},
        }
        for kind, messages in self.messages("to JSON"):
            name = kind.DESCRIPTOR.full_name
            lines = [base64.b64encode(message.SerializeToString()).decode() for message in messages]
            for flags, google in options.items():
                for message, line in zip(messages, tool("decode", name, *flags, lines=lines)):
                    with self.subTest(seed=SEED, type=name, flags=flags):
                        self.assertEqual(json.loads(line), json_format.MessageToDict(message, **google))

    def test_the_json_that_google_makes_becomes_the_same_messages(self):
        forms = [{}, {"preserving_proto_field_name": True}, {"use_integers_for_enums": True}, {self.defaults_option(): True}]
        for kind, messages in self.messages("from JSON"):
            name = kind.DESCRIPTOR.full_name
            for form in forms:
                lines = [json_format.MessageToJson(message, indent=None, **form) for message in messages]
                for message, line in zip(messages, tool("encode", name, lines=lines)):
                    with self.subTest(seed=SEED, type=name, form=form):
                        self.assertEqual(kind.FromString(base64.b64decode(line)), message)

    def test_google_reads_the_json_that_the_tool_makes(self):
        for kind, messages in self.messages("Google reads"):
            name = kind.DESCRIPTOR.full_name
            lines = [base64.b64encode(message.SerializeToString()).decode() for message in messages]
            for message, line in zip(messages, tool("decode", name, lines=lines)):
                with self.subTest(seed=SEED, type=name):
                    self.assertEqual(json_format.Parse(line, kind()), message)

    def test_odd_values_are_read_alike_or_refused(self):
        """What both read has to be the same message. What one of them refuses is counted by kind: see `allowed`."""
        chance = random.Random(f"{SEED} odd")
        read = refused = 0
        for _ in range(200):
            kind = chance.choice([kind for kind in self.types if kind.DESCRIPTOR.fields])
            text = json.dumps(odd_json(kind.DESCRIPTOR, chance))
            try:
                google = json_format.Parse(text, kind())
            except (json_format.ParseError, ValueError, TypeError):
                google = None
            result = subprocess.run(
                [TAILRACE, "rpc", "encode", kind.DESCRIPTOR.full_name, text], capture_output=True, text=True, check=False
            )
            with self.subTest(seed=SEED, type=kind.DESCRIPTOR.full_name, text=text):
                self.assertIn(result.returncode, (0, 64), result.stderr)
                ours = kind.FromString(base64.b64decode(result.stdout)) if result.returncode == 0 else None
                if not self.allowed(kind, text, google, ours):
                    self.assertEqual(ours, google)
            read += ours is not None
            refused += ours is None
        self.assertGreater(min(read, refused), 10)

    def allowed(self, kind, text: str, google, ours) -> bool:
        """Where the two differ and the tool does as the specification says, or is the stricter one."""
        (name, value), = json.loads(text).items()
        field = next(field for field in kind.DESCRIPTOR.fields if name in (field.name, field.json_name))
        if ours is not None or google is None:
            return False
        # Python takes booleans for numbers of enums and drops bits that are too many; it takes texts for numbers and base64 that are none.
        is_odd_enum = field.type == Field.TYPE_ENUM and (isinstance(value, bool) or not self.is_int32(value))
        return is_odd_enum or isinstance(value, (str, list, dict))

    @staticmethod
    def is_int32(value) -> bool:
        return isinstance(value, int) and -(2**31) <= value < 2**31

    @staticmethod
    def defaults_option() -> str:
        """What json_format calls it, which depends on its release."""
        import inspect

        parameters = inspect.signature(json_format.MessageToDict).parameters
        new = "always_print_fields_with_no_presence"
        return new if new in parameters else "including_default_value_fields"


if __name__ == "__main__":
    unittest.main()
