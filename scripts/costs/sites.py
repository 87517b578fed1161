"""Where in the source allocations come from, of stacks of return addresses."""

import collections
import json
import pathlib
import re
import shutil
import subprocess
from typing import NamedTuple

from .counters import Stack

# Swift's runtime and C++'s, which allocate for the one that is asked about.
RUNTIME = re.compile(r"^(swift_|_swift_|__swift_|operator new|_Znw)")
NOISE = re.compile(r"\b(specialized|partial apply for|protocol witness for|static) | in conformance .*")
# Of the repository, above the call that allocates.
CALLERS = 6


class Frame(NamedTuple):
    function: str
    file: str
    line: int


def toolchain(program: str) -> str:
    """A program that comes with Swift: it is beside `swift`, and not always on the PATH."""
    swift = shutil.which("swift")
    beside = pathlib.Path(swift).resolve().parent / program if swift else None
    found = shutil.which(program) or (str(beside) if beside and beside.exists() else None)
    if found is None:
        raise FileNotFoundError(f"there is no {program}, neither on the PATH nor beside swift")
    return found


def run(command: list[str], text: str) -> str:
    """What a program prints, given `text`."""
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def symbolize(tailrace: str, addresses: list[int]) -> dict[int, list[Frame]]:
    """The functions at addresses of the file `tailrace`, inlined ones first."""
    command = [toolchain("llvm-symbolizer"), "--obj=" + tailrace, "--functions=linkage", "--output-style=JSON"]
    answers = map(json.loads, run(command, "\n".join(map(hex, addresses))).splitlines())
    found = {int(answer["Address"], 16): answer.get("Symbol", []) for answer in answers}
    names = sorted({symbol["FunctionName"] for symbols in found.values() for symbol in symbols} - {""})
    demangled = run([toolchain("swift-demangle"), "--simplified"], "\n".join(names)).splitlines()
    readable = dict(zip(names, (NOISE.sub("", name) for name in demangled)))
    return {
        address: [
            Frame(readable.get(symbol["FunctionName"], "?"), pathlib.PurePath(symbol["FileName"]).name, symbol["Line"])
            for symbol in symbols
        ] for address, symbols in found.items()
    }


def site(frames: list[Frame], own_files: set[str]) -> str:
    """What allocates, and for whom: the innermost function that is not the runtime's, and those of the repository from
    there on."""
    while len(frames) > 1 and RUNTIME.match(frames[0].function):
        frames = frames[1:]
    own = [f"{frame.function} {frame.file}:{frame.line}" for frame in frames if frame.file in own_files and frame.line]
    what = [] if frames[0].file in own_files and frames[0].line else [frames[0].function]
    return " <- ".join(what + own[:CALLERS])


def size_range(sizes: set[int]) -> str:
    return f"{min(sizes)} to {max(sizes)}" if len(sizes) > 1 else str(min(sizes))


def report(
    stacks: collections.Counter[Stack], base: int, requests: int, tailrace: str, sources: pathlib.Path
) -> str:
    """The sites, most frequent first: allocations per request, sizes, who. `base`: where the program is in memory."""
    # A return address is behind its call.
    addresses = sorted({frame - base - 1 for _, frames in stacks for frame in frames if frame > base})
    symbols = symbolize(tailrace, addresses)
    own_files = {path.name for path in sources.rglob("*") if path.suffix in (".swift", ".c", ".h")}
    counts: collections.Counter[str] = collections.Counter()
    sizes: dict[str, set[int]] = collections.defaultdict(set)
    for (size, frames), count in stacks.items():
        found = [frame for address in frames for frame in symbols.get(address - base - 1, [])]
        name = site(found or [Frame("not in the program", "", 0)], own_files)
        counts[name] += count
        sizes[name].add(size)
    lines = [
        f"{count / requests:7.3f}  {size_range(sizes[name])} B  {name}" for name, count in counts.most_common()
    ]
    return "\n".join([f"{counts.total() / requests:7.3f}  in all", *lines])
