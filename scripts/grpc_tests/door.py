"""What the tests of the gRPC door share: a broker, and a neighbour that must not be harmed."""

import contextlib
import os
import pathlib
import tempfile
import threading
import time
import unittest
from typing import Iterator, Sequence

import grpc
from broker.process import Broker
from tailrace.v1 import admin_service_pb2 as admin
from tailrace.v1 import admin_service_pb2_grpc as admin_grpc

# One event loop: whatever harms a connection there harms the neighbour, which is on the same.
OPTIONS = ("--event-loops", "1", "--stall-seconds", "2", "--drain-seconds", "6")
START_SECONDS = 30
GROWTH_MB = 60
# The tests run on few cores, which others use, too.
SLOWEST_SECONDS = 1


class DoorCase(unittest.TestCase):
    """Each class has a broker of its own, over a directory that is removed in the end."""

    options: Sequence[str] = OPTIONS

    @classmethod
    def setUpClass(cls) -> None:
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.broker = start_broker(pathlib.Path(directory.name), cls.options)
        cls.addClassCleanup(cls.broker.__exit__)
        cls.port = cls.broker.port


def start_broker(directory: pathlib.Path, options: Sequence[str] = OPTIONS) -> Broker:
    """A broker that has said that it serves."""
    broker = Broker(os.environ["TAILRACE_BINARY"], directory, options)
    deadline = time.monotonic() + START_SECONDS
    while "listening on" not in broker.log.read_text("utf-8", "replace"):
        if broker.process.poll() is not None or time.monotonic() > deadline:
            broker.__exit__()
            raise AssertionError(f"the broker does not serve: {broker.last_words()}")
        time.sleep(0.01)
    return broker


def channel_to(port: int, options: Sequence[tuple] = ()) -> grpc.Channel:
    """A connection that grpcio shares with no other channel."""
    return grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1), *options])


class Neighbour:
    """Calls Ping on a connection of its own, one call after the other, and looks at the broker's memory meanwhile."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.calls, self.slowest = 0, 0.0
        self.failures: list[str] = []
        self.is_over = threading.Event()
        self.before_mb = self.peak_mb = broker.resident_mb()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self) -> "Neighbour":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self.thread.join()

    def run(self) -> None:
        with channel_to(self.broker.port) as channel:
            ping = admin_grpc.AdminServiceStub(channel).Ping
            while not self.is_over.wait(0.01):
                started = time.monotonic()
                try:
                    ping(admin.PingRequest(payload=b"neighbour"), timeout=5)
                except grpc.RpcError as failure:
                    self.failures.append(f"{failure.code()}: {failure.details()}")
                self.calls, self.slowest = self.calls + 1, max(self.slowest, time.monotonic() - started)
                self.peak_mb = max(self.peak_mb, self.broker.resident_mb())

    @property
    def growth_mb(self) -> float:
        """By how much the broker's resident memory grew at most."""
        return self.peak_mb - self.before_mb


class AbuseCase(DoorCase):
    """Of peers that do harm."""

    @contextlib.contextmanager
    def unharmed(self, growth_mb: float = GROWTH_MB) -> Iterator[Neighbour]:
        """What is done within must not harm others."""
        with Neighbour(self.broker) as neighbour:
            yield neighbour
            time.sleep(0.1)
        self.assertEqual(neighbour.failures, [])
        self.assertGreater(neighbour.calls, 0)
        self.assertLess(neighbour.slowest, SLOWEST_SECONDS)
        self.assertLess(neighbour.growth_mb, growth_mb)
