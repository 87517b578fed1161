"""Tests that soundness.py sees what it is there for, and lets pass what is right."""

import pathlib
import tempfile
import unittest

import soundness

SWIFT = "Sources/TailraceWire/A.swift"


class Soundness(unittest.TestCase):
    def faults(self, text, name=SWIFT, mode=0o644):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "file"
            path.touch(mode)
            return [what for _, what in soundness.faults_of(path, name, text)]

    def assert_fault(self, words, text, **options):
        found = self.faults(text, **options)
        self.assertTrue(any(words in what for what in found), f"no {words!r} for {text!r}: {found}")

    def test_faults_of_any_text_are_seen(self):
        self.assert_fault("no newline", "a")
        self.assert_fault("trailing whitespace", "a \nb\n")
        self.assert_fault("carriage return", "a\r\n")
        self.assert_fault("tab", "\tlet a = 1\n")
        for marker in "<>|":
            self.assert_fault("merge marker", marker * 7 + " HEAD\n", name="README.md")
        for place in ["work", "root", "home", "Users"]:
            self.assert_fault("a path of one machine", f"see /{place}/somebody/x\n", name="README.md")
        self.assert_fault("501 lines", "a\n" * 501)

    def test_faults_of_sources_are_seen(self):
        self.assert_fault("try!", "let a = try! b()\n")
        self.assert_fault("as!", "let a = b as! C\n")
        self.assert_fault("fatalError", 'fatalError("no")\n')
        self.assert_fault("unfinished", "// " + "TO" + "DO: more\n")
        for line in ["import Foundation", "internal import Foundation", "@preconcurrency import FoundationEssentials"]:
            self.assert_fault("Foundation", line + "\n")

    def test_undocumented_declarations_are_seen(self):
        for line in [
            "package struct A {}",
            "package final class A {}",
            "@frozen package enum A {}",
            "package nonisolated(unsafe) func a() {}",
            "  public var a: Int { 1 }",
            "  public private(set) var a = 1",
            "  @inlinable public static func a() {}",
            "  public init() {}",
        ]:
            self.assert_fault("no documentation", line + "\n")
            self.assert_fault("no documentation", f"/// Something else.\n\n{line}\n")
            self.assertEqual(self.faults(f"/// What it is.\n@available(*, deprecated)\n{line}\n"), [], line)

    def test_scripts_are_strict_and_can_be_run(self):
        strict = "#!/usr/bin/env bash\nset -euo pipefail\n"
        self.assert_fault("not executable", strict, name="scripts/a")
        self.assert_fault('no "set -euo', "#!/usr/bin/env bash\necho\n", name="scripts/a", mode=0o755)
        self.assertEqual(self.faults(strict, name="scripts/a", mode=0o755), [])

    def test_what_is_right_passes(self):
        for text in [
            "",
            "let a = try? b() as? C\n",
            'let a = "try! this"\n',
            "// It does not try! anything.\n",
            'let a = """\n  fatalError(1)\n  """\n',
            "package import NIOCore\npackage import struct NIOCore.ByteBuffer\n",
            "package extension A {}\n",
            "struct A {\n  package let a = 1\n  package init() {}\n}\n",
            "  public static func == (a: A, b: A) -> Bool { true }\n",
            "a\n" * 500,
        ]:
            self.assertEqual(self.faults(text), [], text)
        for name in ["tailrace/A.swift", "Examples/A/A.swift", "TailraceClient/Codec/FoundationCodecs.swift"]:
            self.assertEqual(self.faults("import Foundation\n", name=f"Sources/{name}"), [])
        self.assertEqual(self.faults("let a = try! b()\n", name="Tests/A.swift"), [])


if __name__ == "__main__":
    unittest.main()
