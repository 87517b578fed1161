#!/usr/bin/env python3
"""Website activity tracking over an access log: what scripts/quickstart publishes, and how it checks what comes back.

split   turns an access log (Apache combined format) into one file of JSON lines per topic, as `tailrace produce
        --format json` reads them
verify  reads what `tailrace consume --format json` printed, shows the busiest pages and visitors of each topic, and
        fails unless every line of the log came back exactly once, byte for byte, in the right topic and, per visitor
        and topic, in one partition and in the order of the log

Topics: see TOPICS. The key is the client's address; lines that are not requests share the empty key. The value is the
line's bytes without the newline. The header `line` is the line's number in the log, from 1.
"""

import argparse
import base64
import binascii
import collections
import json
import pathlib
import re
import sys
from typing import BinaryIO, Iterable, Iterator, NamedTuple, Optional

# In the order of the rules: the first that holds decides.
TOPICS = {
    "unparsed": "lines that are not in the combined format, or whose request has no method and path",
    "errors": "requests answered with a status of 400 or more",
    "asset_requests": "what pages pull in and programs poll: styles, scripts, images, fonts, media, archives, feeds",
    "page_views": "all other requests",
}

ASSET_SUFFIXES = frozenset(
    # styles, scripts
    "css js mjs map wasm "
    # images
    "png jpg jpeg gif svg ico webp avif bmp tif tiff "
    # fonts
    "woff woff2 ttf otf eot "
    # media
    "mp3 mp4 ogg ogv webm wav flac swf "
    # archives and packages
    "zip gz tgz bz2 xz 7z jar deb rpm gem exe "
    # feeds and site maps
    "rss atom rdf xml".split()
)
# By their last path component, where the suffix does not tell.
ASSET_NAMES = frozenset(["robots.txt", "feed", "rss", "atom"])
# Feeds that are asked for by a parameter: /?flav=rss20
FEED_PARAMETER = re.compile(rb"(?:^|&)(?:flav|feed|format)=(?:rss|atom|rdf)", re.IGNORECASE)

# host identity user [time] "request" status bytes "referer" "agent"; Apache writes a quote inside quotes as \"
QUOTED = rb'"((?:[^"\\]|\\.)*)"'
COMBINED = re.compile(
    rb"(\S+) \S+ (?:[^\[]*[^\[ ]) \[[^\]]+\] " + QUOTED + rb" (\d{3}) (?:\d+|-) " + QUOTED + rb" " + QUOTED + rb"\r?",
    re.DOTALL,
)
REQUEST = re.compile(rb"[!-~]+ +(\S.*?)(?: +HTTP/[0-9.]+)?", re.DOTALL)


class Entry(NamedTuple):
    """A line of the log, and where it belongs."""

    number: int
    topic: str
    visitor: bytes
    # Empty where the request names none.
    page: bytes
    line: bytes


def topic_of(status: int, target: bytes) -> str:
    """Says where a request for `target` belongs that was answered with `status`."""
    if status >= 400:
        return "errors"
    path, _, query = target.partition(b"?")
    name = path.rstrip(b"/").rpartition(b"/")[2].decode("latin-1").lower()
    suffix = name.rpartition(".")[2] if "." in name else ""
    is_asset = suffix in ASSET_SUFFIXES or name in ASSET_NAMES or FEED_PARAMETER.search(query)
    return "asset_requests" if is_asset else "page_views"


def parse(number: int, line: bytes) -> Entry:
    """Classifies one line, given without its newline. Never fails: what is no request belongs to `unparsed`."""
    match = COMBINED.fullmatch(line)
    if not match:
        return Entry(number, "unparsed", b"", b"", line)
    visitor, request, status = match[1], match[2], int(match[3])
    words = REQUEST.fullmatch(request)
    # An error may have no request at all: Apache logs a time-out (408) as "-".
    if not words and status < 400:
        return Entry(number, "unparsed", b"", b"", line)
    target = words[1] if words else b""
    return Entry(number, topic_of(status, target), visitor, target.partition(b"?")[0], line)


def entries(log: BinaryIO) -> Iterator[Entry]:
    """Reads a log. Lines end at a line feed and nowhere else; the last one may lack it."""
    for number, line in enumerate(log, start=1):
        yield parse(number, line[:-1] if line.endswith(b"\n") else line)


def json_bytes(name: str, value: bytes) -> dict[str, str]:
    """The tool's JSON for bytes: text under the plain name, anything else in base64."""
    try:
        return {name: value.decode("utf-8")}
    except UnicodeDecodeError:
        return {name + "_base64": base64.b64encode(value).decode("ascii")}


def produce_line(entry: Entry) -> str:
    """One line for `tailrace produce --format json`."""
    record = {
        **json_bytes("key", entry.visitor),
        **json_bytes("value", entry.line),
        "headers": [{"key": "line", "value": str(entry.number)}],
    }
    return json.dumps(record, ensure_ascii=False)


def split(log: BinaryIO, directory: pathlib.Path) -> collections.Counter:
    """Writes DIRECTORY/TOPIC.jsonl for every topic, in the order of the log. Returns how many lines each got."""
    counts: collections.Counter = collections.Counter({topic: 0 for topic in TOPICS})
    files = {topic: open(directory / f"{topic}.jsonl", "w", encoding="utf-8", newline="\n") for topic in TOPICS}
    try:
        for entry in entries(log):
            files[entry.topic].write(produce_line(entry) + "\n")
            counts[entry.topic] += 1
    finally:
        for file in files.values():
            file.close()
    return counts


class Fault(Exception):
    """A record that is not what the tool promises to print."""


class Fetched(NamedTuple):
    """A record as it came back."""

    topic: str
    partition: int
    offset: int
    # None: absent. Absent and empty differ.
    key: Optional[bytes]
    value: Optional[bytes]
    number: int


def bytes_of(record: dict, name: str) -> Optional[bytes]:
    """Reads bytes back from the tool's JSON; None where they are absent."""
    text, encoded = record.get(name), record.get(name + "_base64")
    if text is not None and encoded is not None:
        raise Fault(f"has both {name} and {name}_base64")
    if text is not None:
        return text.encode("utf-8")
    return None if encoded is None else base64.b64decode(encoded, validate=True)


def counted(record: dict, name: str) -> int:
    """Reads a number that is not negative; 64-bit numbers may be strings, as in protobuf's JSON."""
    value = record.get(name)
    if isinstance(value, bool) or not re.fullmatch("[0-9]{1,19}", str(value)):
        raise Fault(f"has {name} {value!r}")
    return int(value)


def line_number(record: dict) -> int:
    """Reads the header `line`, which must be the only header."""
    headers = record.get("headers") or []
    if len(headers) != 1 or headers[0].get("key") != "line":
        raise Fault(f"has the headers {headers!r} instead of one named 'line'")
    value = bytes_of(headers[0], "value")
    if value is None or not re.fullmatch(rb"[1-9][0-9]{0,18}", value):
        raise Fault(f"has the header line {value!r}")
    return int(value)


def fetched(text: str) -> Fetched:
    """Reads one line that `tailrace consume --format json` printed. Throws Fault."""
    try:
        record = json.loads(text)
        return Fetched(
            str(record.get("topic")),
            counted(record, "partition"),
            counted(record, "offset"),
            bytes_of(record, "key"),
            bytes_of(record, "value"),
            line_number(record),
        )
    except (ValueError, AttributeError, TypeError, binascii.Error) as error:
        raise Fault(f"is not a record: {error}") from error


class Verifier:
    """Compares what came back with the log, and collects what is wrong."""

    def __init__(self, log: Iterable[Entry]) -> None:
        self.expected = {entry.number: entry for entry in log}
        self.seen: dict[int, Fetched] = {}
        self.faults: list[str] = []

    def read(self, topic: str, lines: Iterable[str]) -> None:
        """Takes all that was read back from `topic`, in any order."""
        for position, text in enumerate(lines, start=1):
            try:
                self._take(topic, fetched(text))
            except Fault as fault:
                self.faults.append(f"{topic}: record {position} of what came back {fault}")

    def _take(self, topic: str, record: Fetched) -> None:
        where = f"{topic}/{record.partition} offset {record.offset}: line {record.number}"
        if record.topic != topic:
            self.faults.append(f"{where} says that it is of topic {record.topic!r}")
        entry = self.expected.get(record.number)
        if entry is None:
            self.faults.append(f"{where} is not in the log")
            return
        if record.number in self.seen:
            first = self.seen[record.number]
            self.faults.append(f"{where} came back before, at {first.topic}/{first.partition} offset {first.offset}")
            return
        self.seen[record.number] = record._replace(topic=topic)
        if entry.topic != topic:
            self.faults.append(f"{where} belongs to {entry.topic}")
        if entry.visitor != record.key:
            self.faults.append(f"{where} has the key {record.key!r} instead of {entry.visitor!r}")
        if entry.line != record.value:
            self.faults.append(f"{where} has the value {record.value!r} instead of {entry.line!r}")

    def finish(self) -> None:
        """Checks what can be told only when all is there: completeness, order, offsets."""
        for number in sorted(self.expected.keys() - self.seen.keys()):
            self.faults.append(f"line {number} was lost: it belongs to {self.expected[number].topic}")
        self._check_order()
        self._check_offsets()

    def _check_order(self) -> None:
        last: dict[tuple[str, bytes], Fetched] = {}
        # By line number: so partitions must stay the same, and offsets rise.
        for number in sorted(self.seen):
            record = self.seen[number]
            key = (record.topic, self.expected[number].visitor)
            previous = last.get(key)
            last[key] = record
            if previous is None:
                continue
            pair = f"{record.topic}: lines {previous.number} and {number} of visitor {key[1]!r}"
            if previous.partition != record.partition:
                self.faults.append(f"{pair} are in partitions {previous.partition} and {record.partition}")
            elif previous.offset >= record.offset:
                self.faults.append(f"{pair} have the offsets {previous.offset} and {record.offset}")

    def _check_offsets(self) -> None:
        offsets = collections.defaultdict(list)
        for record in self.seen.values():
            offsets[record.topic, record.partition].append(record.offset)
        for (topic, partition), found in sorted(offsets.items()):
            # A new topic, nothing deleted: offsets are 0, 1, 2, ...
            if sorted(found) != list(range(len(found))):
                self.faults.append(f"{topic}/{partition}: the offsets are not 0 to {len(found) - 1}, each once")


def printable(text: bytes, width: int) -> str:
    """Makes bytes from outside fit for a terminal."""
    shown = "".join(c if c.isprintable() else "?" for c in text.decode("utf-8", "replace"))
    return shown if len(shown) <= width else shown[: width - 3] + "..."


def table(verifier: Verifier, rows: int = 5) -> Iterator[str]:
    """The busiest pages and visitors of each topic, from what came back."""
    page_width, visitor_width = 56, 24
    for topic in reversed(TOPICS):
        found = [parse(r.number, r.value or b"") for r in verifier.seen.values() if r.topic == topic]
        visitors = collections.Counter(entry.visitor for entry in found)
        if topic == "unparsed":
            yield f"{topic}: records {len(found)}"
            for entry in found[:rows]:
                yield f"  line {entry.number}: {printable(entry.line, 72)}"
            yield ""
            continue
        yield f"{topic}: records {len(found)}, visitors {len(visitors)}"
        pages = collections.Counter(entry.page for entry in found).most_common(rows)
        busiest = visitors.most_common(rows)
        yield f"  {'page':<{page_width}} {'count':>6}   {'visitor':<{visitor_width}} {'count':>6}"
        for row in range(max(len(pages), len(busiest))):
            page, views = pages[row] if row < len(pages) else (b"", "")
            if views and not page:
                page = b"(no page in the request)"
            visitor, requests = busiest[row] if row < len(busiest) else (b"", "")
            yield (
                f"  {printable(page, page_width):<{page_width}} {views:>6}"
                f"   {printable(visitor, visitor_width):<{visitor_width}} {requests:>6}"
            ).rstrip()
        yield ""


def run_split(arguments: argparse.Namespace) -> int:
    with open(arguments.log, "rb") as log:
        counts = split(log, arguments.directory)
    print(f"{sum(counts.values())} lines: " + ", ".join(f"{counts[topic]} {topic}" for topic in reversed(TOPICS)))
    return 0


def run_verify(arguments: argparse.Namespace) -> int:
    with open(arguments.log, "rb") as log:
        verifier = Verifier(entries(log))
    for topic in TOPICS:
        # Only "\n" ends a line: a value may hold any other character that Unicode counts as a line's end.
        path = arguments.directory / f"{topic}.jsonl"
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
            verifier.read(topic, lines)
    verifier.finish()
    print("\n".join(table(verifier)))
    if verifier.faults:
        for fault in verifier.faults[:20]:
            print(f"FAULT {fault}", file=sys.stderr)
        print(f"{len(verifier.faults)} faults; {len(verifier.seen)} of {len(verifier.expected)} lines came back")
        return 1
    print(f"All {len(verifier.expected)} lines came back exactly once, unchanged, in order per visitor and topic.")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run, help_text in [
        ("split", run_split, "write DIRECTORY/TOPIC.jsonl for every topic"),
        ("verify", run_verify, "check DIRECTORY/TOPIC.jsonl, as read back, against the log"),
        ("topics", lambda _: print("\n".join(TOPICS)) or 0, "print the names of the topics"),
    ]:
        command = commands.add_parser(name, help=help_text)
        command.set_defaults(run=run)
        if name != "topics":
            command.add_argument("log", type=pathlib.Path, help="the access log")
            command.add_argument("directory", type=pathlib.Path, help="where the JSON lines are")
    arguments = parser.parse_args()
    return arguments.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
