"""Neighbours that send small things without end, many in what the broker reads at once."""

from broker import requests, wire

from . import topics
from .neighbour import Body, Kind
from .pumps import pump_anew

_BYTES = 1 << 20


def flood(content: bytes, connections: int = 1) -> Body:
    """Sends the same for ever."""

    def body(port, ready):
        ready()
        pump_anew(port, connections, content)

    return body


def _pings() -> Body:
    return flood(wire.calls(1024, requests.PING))


def _many_pings() -> Body:
    return flood(wire.calls(1024, requests.PING), connections=10)


def _fetches() -> Body:
    return flood(wire.calls(1024, requests.FETCH, requests.fetch(requests.fetch_target(topics.LOAD), max_bytes=100)))


def _nameless() -> Body:
    return flood(wire.frame(wire.number(1, 1)) * (_BYTES // 8))


def _cancels() -> Body:
    return flood(wire.cancel(1) * (_BYTES // 10))


def _metadata() -> Body:
    # As many empty entries as a header has room for: far more than are accepted.
    entries = wire.data(4, b"") * 8_000
    return flood(wire.frame(wire.request_header(1, requests.PING) + entries) * 64)


def _calls_and_cancels() -> Body:
    # The newest first, so that each is searched for the longest.
    cancels = b"".join(wire.cancel(call_id) for call_id in range(1024, 0, -1))
    return flood(wire.calls(1024, requests.DESCRIBE_CLUSTER) + cancels)


KINDS = (
    Kind("pings", "Pings, pipelined", _pings),
    Kind("many-pings", "the same on 10 connections", _many_pings),
    Kind("fetches", "fetches of one record, pipelined", _fetches),
    Kind("nameless", "calls that name no method", _nameless),
    Kind("cancels", "cancels of no call", _cancels),
    Kind("calls-and-cancels", "1,024 calls, and their cancels", _calls_and_cancels),
    Kind("metadata", "headers of 16 KiB of empty metadata", _metadata),
)
