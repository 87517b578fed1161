"""The counters that count_allocations.c keeps in a file, as seen from outside of the process that it counts in."""

import collections
import mmap
import pathlib
import struct

MAX_DEPTH, MAX_STACKS = 48, 100_000
HEAD = struct.Struct("=4Q")   # calls, bytes, is_recording, stacks
STACK = struct.Struct(f"={2 + MAX_DEPTH}Q")
IS_RECORDING_AT = 16
# Of a stack, innermost: those of count_allocations.c itself.
OWN_FRAMES = 2

# Bytes that were asked for, and return addresses, innermost first.
Stack = tuple[int, tuple[int, ...]]


class Counters:
    """Makes the file. The two counters are read one after the other: do it while the process has nothing to do."""

    def __init__(self, path: pathlib.Path) -> None:
        with open(path, "w+b") as file:
            # Sparse: only what is recorded takes space.
            file.truncate(HEAD.size + MAX_STACKS * STACK.size)
            self._memory = mmap.mmap(file.fileno(), 0)

    def read(self) -> tuple[int, int]:
        """Allocations so far, and the bytes that they asked for."""
        calls, size, _, _ = HEAD.unpack_from(self._memory)
        return calls, size

    def record(self, is_on: bool) -> None:
        """Turns the recording of stacks on, those of before forgotten, or off."""
        stacks = 0 if is_on else HEAD.unpack_from(self._memory)[3]
        struct.pack_into("=2Q", self._memory, IS_RECORDING_AT, is_on, stacks)

    def stacks(self) -> collections.Counter[Stack]:
        """How often each stack was recorded. Those beyond MAX_STACKS are not in it."""
        found: collections.Counter[Stack] = collections.Counter()
        for number in range(min(HEAD.unpack_from(self._memory)[3], MAX_STACKS)):
            size, depth, *frames = STACK.unpack_from(self._memory, HEAD.size + number * STACK.size)
            found[size, tuple(frames[OWN_FRAMES:depth])] += 1
        return found
