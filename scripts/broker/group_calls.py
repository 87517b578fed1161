"""Calls of the group service, encoded and decoded. All are about one topic: partitions are their numbers."""

from typing import Iterable, Mapping, NamedTuple, Optional

from broker import wire

JOIN_GROUP, HEARTBEAT, LEAVE_GROUP = "GroupService/JoinGroup", "GroupService/Heartbeat", "GroupService/LeaveGroup"
COMMIT_OFFSET, FETCH_OFFSETS = "GroupService/CommitOffset", "GroupService/FetchOffsets"
DESCRIBE_GROUP = "GroupService/DescribeGroup"
UNKNOWN_GROUP, UNKNOWN_MEMBER, FENCED_MEMBER, NOT_OWNER = 24, 25, 26, 27
STABLE = 3


class Identity(NamedTuple):
    """Who asks."""

    group: str
    member: str
    # Of the last answer.
    epoch: int = 0


class Standing(NamedTuple):
    """What a member is told when it joins, and with each heartbeat."""

    epoch: int
    # From one heartbeat to the next.
    interval_ms: int
    # What to own now.
    partitions: frozenset[int]


class Described(NamedTuple):
    """A member, as others see it."""

    member: str
    # Empty: it is no static one.
    instance: str
    client: str
    owned: frozenset[int]


class Group(NamedTuple):
    """A group, as others see it."""

    is_stable: bool
    members: list[Described]


def signed(value: int) -> int:
    """A number of type int64 from its varint."""
    return value - (1 << 64) if value >> 63 else value


def packed(field: int, values: Iterable[int]) -> bytes:
    """A repeated field of numbers."""
    content = b"".join(wire.varint(value) for value in values)
    return wire.data(field, content) if content else b""


def topic_partitions(field: int, topic: str, partitions: Iterable[int]) -> bytes:
    """A TopicPartitions in a field; nothing where there are none."""
    listed = packed(3, sorted(partitions))
    return wire.data(field, wire.data(1, topic) + listed) if listed else b""


def join_group(
    who: Identity, topic: str, client: str, session_ms: int, rebalance_ms: int, instance: Optional[str] = None
) -> bytes:
    """A JoinGroupRequest; the epoch of `who` does not matter."""
    static = wire.data(3, instance) if instance else b""
    named = wire.data(1, who.group) + wire.data(2, who.member) + static + wire.data(4, client) + wire.data(5, topic)
    return named + wire.numbers({8: session_ms, 9: rebalance_ms})


def member_fields(who: Identity) -> bytes:
    """What the requests of a member begin with."""
    return wire.data(1, who.group) + wire.data(2, who.member) + wire.numbers({3: who.epoch})


def heartbeat(who: Identity, topic: str, owned: Iterable[int]) -> bytes:
    """A HeartbeatRequest that is answered at once."""
    return member_fields(who) + topic_partitions(4, topic, owned)


def leave_group(who: Identity) -> bytes:
    """A LeaveGroupRequest; a static member's place is kept."""
    return wire.data(1, who.group) + wire.data(2, who.member)


def commit_offset(who: Identity, topic: str, offsets: Mapping[int, int]) -> bytes:
    """A CommitOffsetRequest. `offsets`: by partition."""
    commits = [wire.data(1, topic) + wire.numbers({3: partition, 4: at}) for partition, at in offsets.items()]
    return member_fields(who) + b"".join(wire.data(4, commit) for commit in commits)


def fetch_offsets(group: str, topic: str, partitions: Iterable[int]) -> bytes:
    """A FetchOffsetsRequest; without partitions it is for all that have an offset."""
    return wire.data(1, group) + topic_partitions(2, topic, partitions)


def describe_group(group: str) -> bytes:
    """A DescribeGroupRequest."""
    return wire.data(1, group)


def text(value: bytes) -> str:
    """Of a string's bytes."""
    return bytes(value).decode("utf-8", "replace")


def identity(request: bytes) -> Identity:
    """Who makes a request of a member; a JoinGroupRequest has no epoch."""
    found = dict(wire.fields(request))
    epoch = found.get(3, 0)
    return Identity(text(found.get(1, b"")), text(found.get(2, b"")), epoch if isinstance(epoch, int) else 0)


def partitions_of(listed: Iterable[bytes]) -> frozenset[int]:
    """The partitions in TopicPartitions."""
    partitions = set()
    for message in listed:
        for field, value in wire.fields(message):
            if field != 3:
                continue
            if isinstance(value, int):
                partitions.add(value)
                continue
            at = 0
            while at < len(value):
                partition, at = wire.take_varint(value, at)
                partitions.add(partition)
    return frozenset(partitions)


def all_of(found: list, field: int) -> list:
    """The values of a repeated field."""
    return [value for number, value in found if number == field]


def joined(response: bytes) -> Standing:
    """Of a JoinGroupResponse."""
    found = list(wire.fields(response))
    single = dict(found)
    return Standing(single.get(2, 0), single.get(3, 0), partitions_of(all_of(found, 4)))


def heard(response: bytes) -> Standing:
    """Of a HeartbeatResponse."""
    found = list(wire.fields(response))
    single = dict(found)
    return Standing(single.get(1, 0), single.get(3, 0), partitions_of(all_of(found, 2)))


def commits(request: bytes) -> dict[int, int]:
    """The offsets of a CommitOffsetRequest, by partition."""
    listed = [dict(wire.fields(commit)) for commit in all_of(list(wire.fields(request)), 4)]
    return {commit.get(3, 0): signed(commit.get(4, 0)) for commit in listed}


def commit_errors(response: bytes) -> list[Optional[bytes]]:
    """Of a CommitOffsetResponse, in the order of its request: a PartitionError, or None for what is stored."""
    return [dict(wire.fields(result)).get(1) for _, result in wire.fields(response)]


def error_code(error: Optional[bytes]) -> int:
    """Of a PartitionError; 0: none."""
    return dict(wire.fields(error)).get(1, 0) if error is not None else 0


def stored_offsets(response: bytes) -> dict[int, int]:
    """Of a FetchOffsetsResponse, by partition; 0 where none is stored."""
    listed = [dict(wire.fields(offset)) for _, offset in wire.fields(response)]
    return {offset.get(3, 0): max(0, signed(offset.get(4, 0))) for offset in listed}


def described(response: bytes) -> Group:
    """Of a DescribeGroupResponse."""
    found = list(wire.fields(response))
    summary = dict(wire.fields(dict(found).get(1, b"")))
    members = []
    for message in all_of(found, 4):
        parts = list(wire.fields(message))
        single = dict(parts)
        owned = partitions_of(all_of(parts, 6))
        member, instance, client = (text(single.get(field, b"")) for field in (1, 2, 3))
        members.append(Described(member, instance, client, owned))
    return Group(summary.get(2, 0) == STABLE, members)
