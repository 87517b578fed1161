"""The well-behaved load: single records at a fixed rate, from the load generator of `tailrace bench`."""

import ctypes
import os

from broker import requests, wire
from broker.sockets import LOOPBACK

LATENCIES = 1 << 16


class _Frame(ctypes.Structure):
    """ctb_frame"""

    _fields_ = [("data", ctypes.c_char_p), ("length", ctypes.c_size_t)]


class _Load(ctypes.Structure):
    """ctb_load"""

    _fields_ = [
        ("address", ctypes.c_char_p),
        ("port", ctypes.c_uint16),
        ("connections", ctypes.c_uint32),
        ("depth", ctypes.c_uint32),
        ("frames", ctypes.POINTER(_Frame)),
        ("frame_count", ctypes.c_size_t),
        ("warm_up_seconds", ctypes.c_double),
        ("seconds", ctypes.c_double),
        ("max_calls", ctypes.c_uint64),
        ("rate", ctypes.c_double),
    ]


class _Result(ctypes.Structure):
    """ctb_load_result"""

    _fields_ = [
        ("calls", ctypes.c_uint64),
        ("failures", ctypes.c_uint64),
        ("bytes_received", ctypes.c_uint64),
        ("seconds", ctypes.c_double),
        ("cpu_seconds", ctypes.c_double),
        ("latency_count", ctypes.c_uint64),
        ("first_failure", ctypes.c_char * 256),
    ]


class Load:
    """An open loop of produces of one record each: due at `rate` a second, over all connections in turn."""

    def __init__(self, library: str, port: int, topic: str, rate: float = 3_000, connections: int = 4):
        depth = 64
        self.library = ctypes.CDLL(library)
        message = requests.produce(topic, 0, requests.record(bytes(100)))
        frames = [wire.call(call_id, requests.PRODUCE, message) for call_id in range(1, depth + 1)]
        self.frames = (_Frame * depth)(*[_Frame(frame, len(frame)) for frame in frames])
        self.load = _Load(
            LOOPBACK.encode(), port, connections, depth, self.frames, depth, warm_up_seconds=0.05, rate=rate
        )
        self.latencies = (ctypes.c_uint64 * LATENCIES)()

    def percentile(self, seconds: float, fraction: float = 0.99) -> float:
        """Runs for so long; the latency, microseconds, that so many stay within. Throws OSError."""
        self.load.seconds = seconds
        result = _Result()
        error = self.library.ctb_run_load(
            ctypes.byref(self.load), self.latencies, ctypes.c_uint64(LATENCIES), ctypes.byref(result)
        )
        if error:
            raise OSError(error, f"the load failed: {os.strerror(error)}")
        if result.failures:
            raise OSError(f"{result.failures} of {result.calls} records were refused: {result.first_failure!r}")
        found = sorted(self.latencies[: result.latency_count])
        return found[min(len(found) - 1, int(len(found) * fraction))] / 1000
