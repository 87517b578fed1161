"""What scripts/soundness looks for. Takes the root of the repository."""

import os
import pathlib
import re
import statistics
import subprocess
import sys
from typing import Iterator

MAX_LINES = 500
CODE = {".swift", ".c", ".h", ".py", ".proto", ".sh", ""}
GENERATED = re.compile(r"/(Generated|Independent)/|^Sources/CTailraceWire/include/(tailrace/|trw_generated)")

MERGE_MARKER = re.compile(r"^(<{7}|>{7}|\|{7})( |$)")
MACHINE_PATH = re.compile(r"(?<![\w.$}*])/(?:work|root|home|Users)/[\w.]")
FORBIDDEN = [
    (re.compile(r"\btry!"), "try!"),
    (re.compile(r"\bas!"), "as!"),
    (re.compile(r"\bfatalError\("), "fatalError"),
]
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")
# Who uses the codecs of Foundation's types uses Foundation.
FOUNDATION_CODECS = "Sources/TailraceClient/Codec/FoundationCodecs.swift"
FOUNDATION = re.compile(r"^\s*((public|package|internal|fileprivate|private|@\w+)\s+)*import Foundation")
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
# What is package-wide must be documented where it stands on its own; members often only fulfil a protocol, which is
# documented itself. What is public must be documented everywhere.
VISIBLE = re.compile(
    r"^(?:[\w@]\S*\s+)*?package\s+(?!import\b|extension\b)(?:\w\S*\s+)*?"
    r"(?:func|struct|class|enum|actor|protocol|typealias)\b"
    r"|^\s*(?:[\w@]\S*\s+)*?(?:public|open)\s+(?!import\b|extension\b)(?:\w\S*\s+)*?"
    r"(?:func|var|let|struct|class|enum|actor|protocol|init|subscript|typealias)\b"
)
# Required by the standard library's protocols: what they do is known.
KNOWN_WITNESS = re.compile(
    r"\b(func (==|<|hash)|var (description|debugDescription|hashValue|errorDescription)\b|func (next|makeIterator)\(\)"
    r"|var (startIndex|endIndex)\b|func index\(after|subscript\(position)"
)


def tracked(root: pathlib.Path) -> list[str]:
    """The files that are in git or would be."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True).stdout.decode().split("\0")
    return sorted({name for name in names if name and (root / name).is_file()})


def text_faults(name: str, text: str) -> Iterator[tuple[int, str]]:
    """What no file may have."""
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "no newline at the end"
    for number, line in enumerate(text.split("\n"), start=1):
        if line.endswith("\r"):
            yield number, "carriage return"
        if line.rstrip("\r") != line.rstrip():
            yield number, "trailing whitespace"
        if MERGE_MARKER.match(line):
            yield number, "merge marker"
        if MACHINE_PATH.search(line):
            yield number, "a path of one machine"
        if name.endswith(".swift") and "\t" in line:
            yield number, "tab"


def without_strings_and_comments(line: str) -> str:
    return STRING.sub('""', line).partition("//")[0]


def source_faults(name: str, text: str) -> Iterator[tuple[int, str]]:
    """What no hand-written Swift file of Sources may have."""
    lines = text.split("\n")
    may_use_foundation = name.startswith(("Sources/tailrace/", "Sources/Examples/")) or name == FOUNDATION_CODECS
    in_string = False
    for number, line in enumerate(lines, start=1):
        if line.count('"""') % 2:
            in_string = not in_string
            continue
        if in_string:
            continue
        code = without_strings_and_comments(line)
        for pattern, what in FORBIDDEN:
            if pattern.search(code):
                yield number, what
        if UNFINISHED.search(line):
            yield number, "unfinished"
        if not may_use_foundation and FOUNDATION.match(code):
            yield number, "Foundation in a library"
        if VISIBLE.match(code) and not KNOWN_WITNESS.search(code) and not is_documented(lines, number - 1):
            yield number, f"no documentation: {line.strip()}"


def is_documented(lines: list[str], index: int) -> bool:
    """Whether a documentation comment stands above, attributes and conditions between them aside."""
    while index > 0:
        index -= 1
        above = lines[index].strip()
        if above.startswith(("@", "#if", "//")) and not above.startswith("///"):
            continue
        return above.startswith("///") or above.endswith("*/")
    return False


def script_faults(path: pathlib.Path, text: str) -> Iterator[tuple[int, str]]:
    """What no script may lack."""
    if not text.startswith("#!"):
        return
    if not os.access(path, os.X_OK):
        yield 1, "not executable"
    if "bash" in text.split("\n", 1)[0] and "\nset -euo pipefail\n" not in text:
        yield 1, 'no "set -euo pipefail"'


def faults_of(path: pathlib.Path, name: str, text: str) -> Iterator[tuple[int, str]]:
    """All that is wrong with one hand-written file."""
    yield from text_faults(name, text)
    if pathlib.PurePath(name).suffix in CODE and text.count("\n") > MAX_LINES:
        yield 1, f"{text.count(chr(10))} lines; {MAX_LINES} are the most"
    if name.startswith("Sources/") and name.endswith(".swift"):
        yield from source_faults(name, text)
    yield from script_faults(path, text)


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    faults: list[str] = []
    swift_lengths: list[tuple[int, str]] = []
    checked = 0
    for name in tracked(root):
        content = (root / name).read_bytes()
        if GENERATED.search(name) or name.endswith(".log") or b"\0" in content:
            continue
        checked += 1
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            faults.append(f"{name}: not UTF-8: {error}")
            continue
        faults += [f"{name}:{number}: {what}" for number, what in faults_of(root / name, name, text)]
        if name.startswith("Sources/") and name.endswith(".swift"):
            swift_lengths.append((text.count("\n"), name))
    print("\n".join(faults), end="\n" if faults else "")
    if swift_lengths:
        longest = max(swift_lengths)
        median = statistics.median(length for length, _ in swift_lengths)
        print(f"{len(swift_lengths)} Swift files in Sources: median {median:.0f} lines, longest {longest[0]} ({longest[1]})")
    print(f"{checked} files checked, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
