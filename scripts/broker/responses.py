"""What responses say."""

from typing import NamedTuple, Optional

from broker import wire


class BrokerError(Exception):
    """A call that the broker refused, or the part of one."""

    def __init__(self, message: str, code: int = 0) -> None:
        """`code`: of ErrorCode; 0: none is told."""
        super().__init__(message)
        self.code = code


class ConnectionLost(BrokerError):
    """The broker closed the connection before it answered."""


def check_error(error: Optional[bytes]) -> None:
    """Throws BrokerError for a PartitionError; None is none."""
    if error is not None:
        found = dict(wire.fields(error))
        code = found.get(1, 0)
        raise BrokerError(bytes(found.get(2, b"")).decode("utf-8", "replace") or f"error {code}", code)


def produced_offsets(response: bytes) -> list[int]:
    """Where a ProduceResponse says that plain records are now. Throws BrokerError."""
    check_produced(response)
    results = [part for _, result in wire.fields(response) for field, part in wire.fields(result) if field == 3]
    return [dict(wire.fields(part)).get(2, 0) for part in results]


def check_produced(response: bytes) -> None:
    """Throws BrokerError where a part of a ProduceResponse says that it failed, or there is none."""
    results = list(wire.fields(response))
    if not results:
        raise BrokerError("a ProduceResponse without results")
    for _, result in results:
        for field, part in wire.fields(result):
            if field == 1:
                check_error(part)
            else:
                check_error(dict(wire.fields(part)).get(4 if field == 2 else 3))


def fetched_batches(response: bytes) -> list[bytes]:
    """The batches of a FetchResponse with one partition. Throws BrokerError."""
    partitions = list(wire.fields(memoryview(response)))
    if len(partitions) != 1:
        raise BrokerError(f"a FetchResponse with {len(partitions)} partitions")
    found = list(wire.fields(partitions[0][1]))
    check_error(dict(found).get(4))
    return [batch for field, batch in found if field == 15]


class FetchedRecords(NamedTuple):
    """Of a partition, with `decode`."""

    partition: int
    # Where to go on.
    next_offset: int
    # Offsets and values.
    records: list[tuple[int, bytes]]


def fetched_records(response: bytes) -> list[FetchedRecords]:
    """Of each partition of a FetchResponse. Throws BrokerError."""
    fetched = []
    for _, part in wire.fields(response):
        found = list(wire.fields(part))
        single = dict(found)
        check_error(single.get(4))
        records = [dict(wire.fields(record)) for field, record in found if field == 10]
        values = [(record.get(1, 0), record.get(4, b"")) for record in records]
        fetched.append(FetchedRecords(single.get(3, 0), single.get(9, 0), values))
    return fetched


def offset_found(result: bytes) -> int:
    """Of an OffsetResult. Throws BrokerError."""
    found = dict(wire.fields(result))
    check_error(found.get(1))
    return found.get(2, 0)
