"""Tailrace from Python over gRPC: what grpcio-tools generates, and grpcio.
Usage: grpc_client.py HOST PORT TOPIC TESTDATA"""

import pathlib
import sys

import golden
import grpc
import records
from grpc_status import rpc_status
from tailrace.v1 import admin_service_pb2 as admin, error_pb2 as error, frame_pb2 as frame
from tailrace.v1 import group_service_pb2 as group, log_service_pb2 as log, record_pb2 as record
from tailrace.v1.admin_service_pb2_grpc import AdminServiceStub
from tailrace.v1.group_service_pb2_grpc import GroupServiceStub
from tailrace.v1.log_service_pb2_grpc import LogServiceStub

PARTITIONS = 4
SECONDS = 20


class Broker:
    """The three services, over one channel."""

    def __init__(self, channel):
        self.admin, self.groups = AdminServiceStub(channel), GroupServiceStub(channel)
        self.log = LogServiceStub(channel)


def checked(part):
    """A part of a response that must not have failed."""
    assert not part.HasField("error"), part.error
    return part


def produce(broker, target):
    request = log.ProduceRequest(targets=[target])
    return checked(broker.log.Produce(request, timeout=SECONDS).results[0])


def produce_plain(broker, topic):
    """Eight records with keys and headers; the broker makes batches of them, and finds the partition by the key."""
    header = record.Header(key="source", value=b"interop")
    keys = [b"key-%d" % number for number in range(8)]
    plain = [log.ProduceRecord(key=key, value=b"of " + key, headers=[header], timestamp_ms=records.BASE_MS)
             for key in keys]
    result = produce(broker, log.ProduceTarget(topic=topic, records=plain))
    for key, stored in zip(keys, result.records, strict=True):
        assert checked(stored).partition == records.partition_of(key, PARTITIONS), key


def produce_batches(broker, topic):
    """The same batch to each partition, each time compressed in another way."""
    for codec in records.CODECS:
        batch = records.encode_batch(records.sample_records(), codec)
        checked(produce(broker, log.ProduceTarget(topic=topic, partition=codec, batches=[batch])).batches[0])


def targets(topic, partitions=range(PARTITIONS)):
    """From the beginning on."""
    return [log.FetchTarget(topic=topic, partition=number) for number in partitions]


def fetch(broker, topic, partitions=range(PARTITIONS), decode=False):
    """What is there, by partition."""
    request = log.FetchRequest(targets=targets(topic, partitions), max_wait_ms=1000, decode=decode)
    response = broker.log.Fetch(request, timeout=SECONDS)
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
    stream = broker.log.Subscribe(log.SubscribeRequest(targets=targets(topic)), timeout=SECONDS)
    for response in stream:
        for part in response.partitions:
            found[checked(part).partition] += pairs_of(part)
        if sum(map(len, found.values())) >= 8 + PARTITIONS * 6:
            break
    stream.cancel()
    assert found == {number: pairs_of(part) for number, part in fetch(broker, topic).items()}


class Member:
    """Of a group. What it is assigned it counts as read from its next heartbeat on."""

    def __init__(self, broker, name, topic):
        self.groups, self.name = broker.groups, name
        joined = self.groups.JoinGroup(group.JoinGroupRequest(group=name, topics=[topic]), timeout=SECONDS)
        self.id, self.epoch, self.assignment = joined.member_id, joined.member_epoch, joined.assignment

    def beat(self):
        """Whoever reads and commits does so before he lets go of what is not listed any more."""
        request = group.HeartbeatRequest(
            group=self.name, member_id=self.id, member_epoch=self.epoch, owned=self.assignment)
        answer = self.groups.Heartbeat(request, timeout=SECONDS)
        self.epoch, self.assignment = answer.member_epoch, answer.assignment

    def partitions(self):
        return [number for part in self.assignment for number in part.partitions]

    def commit(self, topic, offsets):
        """Returns the error codes, in order; 0: stored."""
        commits = [group.OffsetCommit(topic=topic, partition=number, offset=at) for number, at in offsets.items()]
        request = group.CommitOffsetRequest(
            group=self.name, member_id=self.id, member_epoch=self.epoch, offsets=commits)
        return [result.error.code for result in self.groups.CommitOffset(request, timeout=SECONDS).results]


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
    described = broker.groups.DescribeGroup(group.DescribeGroupRequest(group=name), timeout=SECONDS)
    assert described.group.state == group.GROUP_STATE_STABLE and len(described.members) == 2
    assert [(part.committed.partition, part.lag) for part in described.partitions] == [(0, 1), (1, 1), (2, 1), (3, 1)]
    for member in members:
        broker.groups.LeaveGroup(group.LeaveGroupRequest(group=name, member_id=member.id), timeout=SECONDS)


def check_errors(broker, topic):
    """A call that fails has a status; a part of one that fails has an error in its place, and the others are done."""
    try:
        broker.admin.CreateTopic(admin.CreateTopicRequest(name=topic), timeout=SECONDS)
        raise AssertionError("the topic was made twice")
    except grpc.RpcError as failure:
        assert failure.code() == grpc.StatusCode.ALREADY_EXISTS and topic in failure.details(), failure
        # What gRPC's status has no place for: in its details, as it would be on the native door.
        status = frame.Status()
        assert rpc_status.from_call(failure).details[0].Unpack(status), failure
        assert status.error == error.ERROR_CODE_TOPIC_EXISTS and status.message == failure.details(), status
    request = log.FetchRequest(targets=targets(topic, [0, 99]))
    good, bad = broker.log.Fetch(request, timeout=SECONDS).partitions
    assert checked(good).batches and bad.error.code == error.ERROR_CODE_UNKNOWN_PARTITION and "99" in bad.error.message


def main():
    host, port, topic, testdata = sys.argv[1:]
    golden.check(pathlib.Path(testdata))
    with grpc.insecure_channel(f"{host}:{port}") as channel:
        broker = Broker(channel)
        broker.admin.CreateTopic(admin.CreateTopicRequest(name=topic, partition_count=PARTITIONS), timeout=SECONDS)
        for step in (produce_plain, produce_batches, check_fetch, subscribe, share, check_errors):
            step(broker, topic)
            print(f"{step.__name__}: ok")


if __name__ == "__main__":
    main()
