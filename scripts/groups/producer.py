"""A steady producer, and what was acknowledged to it."""

import threading
import time
from typing import Optional

from broker import requests, responses, wire
from broker.client import Connection
from broker.responses import BrokerError, ConnectionLost

RECORDS = 5
EVERY_SECONDS = 0.01
RETRY_SECONDS = 0.02


class Producer:
    """Produces a few records into one partition after the other, from its own thread: `with Producer(...)`."""

    def __init__(self, port: int, topic: str, partitions: int) -> None:
        self.port = port
        self.topic = topic
        self.partitions = partitions
        # Values by partition and offset.
        self.acked: dict[tuple[int, int], bytes] = {}
        # Records that may or may not be stored, since the broker went away.
        self.in_doubt = 0
        self._failure: Optional[Exception] = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Producer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def stop(self) -> None:
        """Ends it after what is under way. Throws what it failed of."""
        self.__exit__()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        connection, sent, due = None, 0, time.monotonic()
        while not self._stop.is_set():
            due = max(due + EVERY_SECONDS, time.monotonic())
            try:
                connection = connection or Connection(self.port)
                self._produce(connection, sent)
            except (OSError, ConnectionLost):
                if connection is not None:
                    self.in_doubt += RECORDS
                    connection.__exit__()
                connection = None
                self._stop.wait(RETRY_SECONDS)
            except (BrokerError, wire.Malformed) as error:
                self._failure = error
                break
            # Values are not used again, whatever became of them.
            sent += 1
            self._stop.wait(max(0, due - time.monotonic()))
        if connection is not None:
            connection.__exit__()

    def _produce(self, connection: Connection, sent: int) -> None:
        partition = sent % self.partitions
        values = [b"%d" % (sent * RECORDS + index) for index in range(RECORDS)]
        request = requests.produce(self.topic, partition, b"".join(map(requests.record, values)))
        offsets = responses.produced_offsets(connection.call(requests.PRODUCE, request))
        for offset, value in zip(offsets, values, strict=True):
            self.acked[partition, offset] = value
