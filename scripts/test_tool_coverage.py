"""Tests that every command and flag of the tool stands in a test that runs it: what nobody has run is not known to work.
TAILRACE_BINARY names the tool; without it, the debug build's."""

import json
import os
import pathlib
import subprocess
import unittest

ROOT = pathlib.Path(__file__).parent.parent
TAILRACE = os.environ.get("TAILRACE_BINARY") or str(ROOT / ".build/debug/tailrace")
# Run by scripts of their own; the broker, whose bounds are tested where they act; and what the parser adds.
ELSEWHERE = {"bench", "bench-reference", "fuzz", "help", "serve"}


def commands(command: dict, above: tuple[str, ...] = ()):
    """Each command below `command` with its path, without the program's name."""
    for inner in command.get("subcommands", []):
        path = (*above, inner["commandName"])
        if path[0] not in ELSEWHERE:
            yield path, inner
            yield from commands(inner, path)


def names(argument: dict) -> list[str]:
    return [("--" if name["kind"] == "long" else "-") + name["name"] for name in argument.get("names", [])]


class ToolCoverage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        printed = subprocess.run([TAILRACE, "--experimental-dump-help"], capture_output=True, check=True).stdout
        cls.program = json.loads(printed)["command"]
        cls.tests = "\n".join(path.read_text("utf-8") for path in (ROOT / "Tests/tailraceTests").rglob("*.swift"))

    def test_every_command_is_run(self):
        for path, command in commands(self.program):
            if not command.get("subcommands"):
                with self.subTest(command=path):
                    self.assertIn(", ".join(f'"{word}"' for word in path), self.tests)

    def test_every_flag_is_used(self):
        for path, command in commands(self.program):
            for argument in command.get("arguments", []):
                used = [name for name in names(argument) if f'"{name}"' in self.tests or f'"{name}=' in self.tests]
                if names(argument):
                    with self.subTest(command=path, flag=names(argument)[-1]):
                        self.assertTrue(used)


if __name__ == "__main__":
    unittest.main()
