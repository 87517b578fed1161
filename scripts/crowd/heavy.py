"""Neighbours whose every call costs the broker much."""

import time
import zlib

from broker import batch, requests, wire
from broker.sockets import greet

from . import topics
from .floods import flood
from .neighbour import Body, Kind

# A record without key and value in a record set.
_EMPTY_RECORD = b"\x0a\x00"
# Of one Produce, and of one Fetch: what the broker takes at most.
_MOST_PARTS, _MOST_TARGETS = 299_000, 10_000
_MOST_WAITING = 256


def _batch(records: bytes, count: int, checksum: int, codec: int = 0) -> bytes:
    """A batch that says of itself what is told here, be it true or not."""
    return requests.batch(batch.message(batch.header(count, len(records), checksum, codec=codec) + records))


def _fetch_targets() -> Body:
    return flood(wire.calls(16, requests.FETCH, wire.data(1, b"") * _MOST_TARGETS))


def _produce_targets() -> Body:
    return flood(wire.call(1, requests.PRODUCE, wire.data(2, b"") * _MOST_PARTS))


def _produce_records() -> Body:
    records = wire.data(4, b"") * _MOST_PARTS
    return flood(wire.call(1, requests.PRODUCE, requests.produce(topics.BULK, topics.SCRATCH, records)))


def _bad_checksums() -> Body:
    target = requests.produce_target(topics.BULK, topics.SCRATCH, _batch(bytes(1_000_000), 1, checksum=1))
    return flood(wire.call(1, requests.PRODUCE, target * 15))


def _bad_counts() -> Body:
    # The checksum holds, so that the records are counted, one by one.
    records = _EMPTY_RECORD * 500_000
    target = requests.produce_target(topics.BULK, topics.SCRATCH, _batch(records, 1, batch.crc32c(records)))
    return flood(wire.call(1, requests.PRODUCE, target * 15))


def _bombs() -> Body:
    # Almost 64 MiB of empty records in 60 KB, and a wrong count of them.
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(packer.compress(_EMPTY_RECORD * 500_000) for _ in range(60)) + packer.flush()
    message = requests.produce(topics.BULK, topics.SCRATCH, _batch(packed, 1, batch.crc32c(packed), codec=1))
    return flood(wire.calls(16, requests.PRODUCE, message))


def _decoded() -> Body:
    target = requests.fetch_target(topics.BULK, topics.SMALL_RECORDS)
    return flood(wire.calls(64, requests.FETCH, requests.fetch(target, max_bytes=15 << 20, decode=True)))


def _admin_calls() -> Body:
    return flood(wire.calls(512, requests.LIST_TOPICS) + wire.calls(512, requests.DESCRIBE_CLUSTER))


def _waiting() -> Body:
    # There will never be as much to read as they wait for, but each record may be what was missing.
    fetch = requests.fetch(requests.fetch_target(topics.LOAD), max_bytes=15 << 20, min_bytes=15 << 20, wait_ms=60_000)

    def body(port, ready):
        connections = [greet(port) for _ in range(10)]
        for connection in connections:
            connection.sendall(wire.calls(_MOST_WAITING, requests.FETCH, fetch))
        ready()
        while True:
            time.sleep(60)

    return body


KINDS = (
    Kind("fetch-targets", "fetches of 10,000 targets", _fetch_targets),
    Kind("produce-targets", "produces with 299,000 targets", _produce_targets),
    Kind("produce-records", "produces of 299,000 empty records", _produce_records),
    Kind("bad-checksums", "15 MB of batches with bad checksums", _bad_checksums),
    Kind("bad-counts", "15 MB of batches with a wrong count", _bad_counts),
    Kind("bombs", "batches of 60 KB that are 60 MB", _bombs),
    Kind("decoded", "decoded fetches of empty records", _decoded),
    Kind("admin-calls", "ListTopics and DescribeCluster", _admin_calls),
    Kind("waiting", "2,560 fetches that wait for the load", _waiting),
)
