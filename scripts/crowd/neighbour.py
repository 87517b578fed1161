"""What a bad neighbour is."""

from collections.abc import Callable
from typing import NamedTuple

# Works on a port for ever; calls the other once it is at work.
Body = Callable[[int, Callable[[], None]], None]


class Kind(NamedTuple):
    """`name` is for `--only`, `title` for the table. `make` builds what is sent, beforehand and in the measuring process,
    and returns what the neighbour's process is to do."""

    name: str
    title: str
    make: Callable[[], Body]
