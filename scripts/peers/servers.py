"""The servers that scripts/bench-peers compares: how each is started, and what of it is measured from outside."""

import pathlib
import shutil
from typing import Callable, NamedTuple

from broker.process import serve_command
from broker.server_process import ServerProcess, free_port
from broker.sockets import LOOPBACK


class Binaries(NamedTuple):
    """Where the programs are."""

    client: str
    tailrace: str
    nats: str
    redis: str


class Kind(NamedTuple):
    """A server to compare. Its name is also the client's name for its protocol."""

    name: str
    title: str
    # The command, of the binaries, an empty directory, a port, and whether to fsync before acknowledgements.
    command: Callable[[Binaries, pathlib.Path, int, bool], list[str]]
    version: Callable[[Binaries], list[str]]
    # By the size of a record: how many the client encodes at a time, and may have unacknowledged on a connection.
    batches: dict[int, tuple[int, int]]
    settings: str
    durable_settings: str


def tailrace_command(binaries: Binaries, directory: pathlib.Path, port: int, durable: bool) -> list[str]:
    """Durability is the topic's, which the client creates."""
    return serve_command(binaries.tailrace, directory, port)


def nats_command(binaries: Binaries, directory: pathlib.Path, port: int, durable: bool) -> list[str]:
    """JetStream's options are in a file; sync_interval is its default unless durable."""
    options = f'store_dir: "{directory / "data"}"' + (", sync_interval: always" if durable else "")
    configuration = directory / "nats.conf"
    configuration.write_text(f"listen: {LOOPBACK}:{port}\njetstream {{ {options} }}\n", "utf-8")
    return [binaries.nats, "--config", str(configuration)]


def redis_command(binaries: Binaries, directory: pathlib.Path, port: int, durable: bool) -> list[str]:
    """Without snapshots and rewrites of the append-only file, which would only cost it time."""
    options = {
        "bind": LOOPBACK,
        "port": str(port),
        "dir": str(directory),
        "appendonly": "yes",
        "appendfsync": "always" if durable else "everysec",
        "save": "",
        "auto-aof-rewrite-percentage": "0",
        "daemonize": "no",
    }
    return [binaries.redis] + [word for name, value in options.items() for word in ("--" + name, value)]


KINDS = [
    Kind(
        name="tailrace",
        title="Tailrace",
        command=tailrace_command,
        version=lambda binaries: [binaries.tailrace, "--version"],
        batches={100: (640, 10240), 1024: (64, 1024)},
        settings="topic of one partition, durability=os, acks WRITTEN; batches of 64 KiB, 16 unacknowledged",
        durable_settings="durability=durable, acks DURABLE",
    ),
    Kind(
        name="nats",
        title="NATS JetStream",
        command=nats_command,
        version=lambda binaries: [binaries.nats, "--version"],
        batches={100: (16, 2048), 1024: (16, 2048)},
        settings="file storage, one replica, sync_interval default; 16 PUBs a write, 2,048 unacknowledged; pull consumer",
        durable_settings="sync_interval always",
    ),
    Kind(
        name="redis",
        title="Redis Streams",
        command=redis_command,
        version=lambda binaries: [binaries.redis, "--version"],
        batches={100: (64, 512), 1024: (64, 512)},
        settings="memory, and AOF with appendfsync everysec, no rewrites; 64 XADDs a write, 512 unacknowledged; XREAD",
        durable_settings="appendfsync always",
    ),
]


class Server(ServerProcess):
    """A server in a fresh directory, which goes with it: `with Server(...) as server`. It is killed in the end, since
    nothing of its data is kept."""

    def __init__(self, kind: Kind, binaries: Binaries, directory: pathlib.Path, durable: bool) -> None:
        self.kind = kind
        self.port = free_port()
        self.directory = directory
        directory.mkdir()
        super().__init__(
            kind.command(binaries, directory, self.port, durable), directory, directory.with_suffix(".log")
        )

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)
