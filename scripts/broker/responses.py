"""What responses say."""

from typing import Optional

from broker import wire


class BrokerError(Exception):
    """A call that the broker refused, or the part of one."""


def check_error(error: Optional[bytes]) -> None:
    """Throws BrokerError for a PartitionError; None is none."""
    if error is not None:
        found = dict(wire.fields(error))
        raise BrokerError(bytes(found.get(2, b"")).decode("utf-8", "replace") or f"error {found.get(1)}")


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


def offset_found(result: bytes) -> int:
    """Of an OffsetResult. Throws BrokerError."""
    found = dict(wire.fields(result))
    check_error(found.get(1))
    return found.get(2, 0)
