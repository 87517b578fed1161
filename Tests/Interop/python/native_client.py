"""Tailrace from plain Python, on the native door: protoc's modules and a socket.
Usage: native_client.py HOST PORT TOPIC TESTDATA"""

import contextlib
import pathlib
import sys

import golden
import records
from connection import CallFailed, Connection
from tailrace.v1 import admin_service_pb2 as admin, error_pb2 as error
from tailrace.v1 import group_service_pb2 as group, log_service_pb2 as log, record_pb2 as record

PARTITIONS = 4


def checked(part):
    """A part of a response that must not have failed."""
    assert not part.HasField("error"), part.error
    return part


def produce_plain(broker, topic):
    """Eight records with keys and headers; the broker makes batches of them, and finds the partition by the key."""
    header = record.Header(key="source", value=b"interop")
    keys = [b"key-%d" % number for number in range(8)]
    plain = [log.ProduceRecord(key=key, value=b"of " + key, headers=[header], timestamp_ms=records.BASE_MS)
             for key in keys]
    request = log.ProduceRequest(targets=[log.ProduceTarget(topic=topic, records=plain)])
    result = checked(broker.call("LogService/Produce", request, log.ProduceResponse).results[0])
    for key, stored in zip(keys, result.records, strict=True):
        assert checked(stored).partition == records.partition_of(key, PARTITIONS), key


def produce_batches(broker, topic):
    """The same batch to each partition, each time compressed in another way."""
    for codec in records.CODECS:
        batch = records.encode_batch(records.sample_records(), codec)
        target = log.ProduceTarget(topic=topic, partition=codec, batches=[batch])
        request = log.ProduceRequest(acks=log.ACKS_DURABLE, targets=[target])
        result = checked(broker.call("LogService/Produce", request, log.ProduceResponse).results[0])
        checked(result.batches[0])


def targets(topic, partitions=range(PARTITIONS)):
    """From the beginning on."""
    return [log.FetchTarget(topic=topic, partition=number) for number in partitions]


def fetch(broker, topic, partitions=range(PARTITIONS), decode=False):
    """What is there, by partition."""
    request = log.FetchRequest(targets=targets(topic, partitions), max_wait_ms=1000, decode=decode)
    response = broker.call("LogService/Fetch", request, log.FetchResponse)
    return {checked(part).partition: part for part in response.partitions}


def pairs_of(part):
    """The records of the batches of a partition, with their offsets."""
    return [pair for batch in part.batches for pair in records.decode_batch(batch)]


def check_fetch(broker, topic):
    """Batches, which the client checks and takes apart, hold the records that the broker finds in them."""
    count = 0
    decoded = fetch(broker, topic, decode=True)
    for number, part in fetch(broker, topic).items():
        pairs = pairs_of(part)
        assert [each for _, each in pairs[-6:]] == records.sample_records(), number
        for (offset, own), other in zip(pairs, decoded[number].records, strict=True):
            assert offset == other.offset and list(own.headers) == list(other.headers)
            for field in ("key", "value"):
                assert own.HasField(field) == other.HasField(field) and getattr(own, field) == getattr(other, field)
        count += len(pairs)
    assert count == 8 + PARTITIONS * 6, count


def subscribe(broker, topic):
    """The same as a stream, which is given up once all is there: it would go on with what comes later."""
    found = {number: [] for number in range(PARTITIONS)}
    request = log.SubscribeRequest(targets=targets(topic))
    with contextlib.closing(broker.stream("LogService/Subscribe", request, log.SubscribeResponse)) as stream:
        while sum(map(len, found.values())) < 8 + PARTITIONS * 6:
            for part in next(stream).partitions:
                found[checked(part).partition] += pairs_of(part)
    assert found == {number: pairs_of(part) for number, part in fetch(broker, topic).items()}


class Member:
    """Of a group. What it is assigned it counts as read from its next heartbeat on."""

    def __init__(self, broker, name, topic):
        self.broker, self.name = broker, name
        joined = broker.call("GroupService/JoinGroup", group.JoinGroupRequest(group=name, topics=[topic]),
                             group.JoinGroupResponse)
        self.id, self.epoch, self.assignment = joined.member_id, joined.member_epoch, joined.assignment

    def beat(self):
        """Whoever reads and commits does so before he lets go of what is not listed any more."""
        request = group.HeartbeatRequest(
            group=self.name, member_id=self.id, member_epoch=self.epoch, owned=self.assignment)
        answer = self.broker.call("GroupService/Heartbeat", request, group.HeartbeatResponse)
        self.epoch, self.assignment = answer.member_epoch, answer.assignment

    def partitions(self):
        return [number for part in self.assignment for number in part.partitions]

    def commit(self, topic, offsets):
        """Returns the error codes, in order; 0: stored."""
        commits = [group.OffsetCommit(topic=topic, partition=number, offset=at) for number, at in offsets.items()]
        request = group.CommitOffsetRequest(
            group=self.name, member_id=self.id, member_epoch=self.epoch, offsets=commits)
        response = self.broker.call("GroupService/CommitOffset", request, group.CommitOffsetResponse)
        return [result.error.code for result in response.results]

    def leave(self):
        self.broker.call("GroupService/LeaveGroup", group.LeaveGroupRequest(group=self.name, member_id=self.id),
                         group.LeaveGroupResponse)


def share(broker, topic):
    """Two members share the partitions, read them, and commit all but the last record of each."""
    name = topic + "-readers"
    members = [Member(broker, name, topic), Member(broker, name, topic)]
    for _ in range(20):
        for member in members:
            member.beat()
    first, second = members
    assert sorted(first.partitions() + second.partitions()) == list(range(PARTITIONS))
    assert len(first.partitions()) == len(second.partitions())
    for member in members:
        read = fetch(broker, topic, member.partitions(), decode=True)
        assert member.commit(topic, {number: part.next_offset - 1 for number, part in read.items()}) == [0, 0]
    assert first.commit(topic, {second.partitions()[0]: 1}) == [error.ERROR_CODE_NOT_OWNER]
    described = broker.call("GroupService/DescribeGroup", group.DescribeGroupRequest(group=name),
                            group.DescribeGroupResponse)
    assert described.group.state == group.GROUP_STATE_STABLE and len(described.members) == 2
    assert [(part.committed.partition, part.lag) for part in described.partitions] == [(0, 1), (1, 1), (2, 1), (3, 1)]
    for member in members:
        member.leave()


def check_errors(broker, topic):
    """A call that fails has a status; a part of one that fails has an error in its place, and the others are done."""
    try:
        broker.call("AdminService/CreateTopic", admin.CreateTopicRequest(name=topic), admin.CreateTopicResponse)
        raise AssertionError("the topic was made twice")
    except CallFailed as failure:
        assert failure.status.code == 6 and failure.status.error == error.ERROR_CODE_TOPIC_EXISTS, failure.status
        assert topic in failure.status.message
    request = log.FetchRequest(targets=targets(topic, [0, 99]))
    good, bad = broker.call("LogService/Fetch", request, log.FetchResponse).partitions
    assert checked(good).batches and bad.error.code == error.ERROR_CODE_UNKNOWN_PARTITION and "99" in bad.error.message


def main():
    host, port, topic, testdata = sys.argv[1:]
    golden.check(pathlib.Path(testdata))
    broker = Connection(host, int(port))
    broker.call("AdminService/CreateTopic", admin.CreateTopicRequest(name=topic, partition_count=PARTITIONS),
                admin.CreateTopicResponse)
    for step in (produce_plain, produce_batches, check_fetch, subscribe, share, check_errors):
        step(broker, topic)
        print(f"{step.__name__}: ok")


if __name__ == "__main__":
    main()
