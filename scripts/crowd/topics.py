"""The topics that the load and its neighbours work on."""

import os

from broker import requests
from broker.client import Connection
from broker.responses import check_produced

# The load's, with one partition.
LOAD = "load"
# The neighbours'; what its partitions are for:
BULK = "bulk"
LARGE_RECORDS, SMALL_RECORDS, SCRATCH = 0, 1, 2

_LARGE_BYTES, _LARGE_COUNT = 900_000, 20
_SMALL_COUNT, _SMALL_CALLS = 100_000, 8


def prepare(port: int) -> None:
    """Makes the topics, and puts into the neighbours' what they read. Throws BrokerError, OSError."""
    large = requests.produce(BULK, LARGE_RECORDS, requests.record(os.urandom(_LARGE_BYTES)))
    small = requests.produce(BULK, SMALL_RECORDS, requests.record(b"") * _SMALL_COUNT)
    with Connection(port) as connection:
        connection.create_topic(LOAD, 1)
        connection.create_topic(BULK, 3)
        for message in [large] * _LARGE_COUNT + [small] * _SMALL_CALLS:
            check_produced(connection.call(requests.PRODUCE, message))
