"""Requests of the log service, encoded; calls are made by their names here."""

from broker import wire

PING, CREATE_TOPIC = "AdminService/Ping", "AdminService/CreateTopic"
LIST_TOPICS, DESCRIBE_CLUSTER = "AdminService/ListTopics", "AdminService/DescribeCluster"
PRODUCE, FETCH, LIST_OFFSETS = "LogService/Produce", "LogService/Fetch", "LogService/ListOffsets"
ACKS_WRITTEN, ACKS_DURABLE = 2, 3
LATEST, AT_TIME = 2, 3


def create_topic(name: str, partitions: int) -> bytes:
    """A CreateTopicRequest; when the topic is on disk is the system's choice."""
    config = wire.data(1, "durability") + wire.data(2, "os")
    return wire.data(1, name) + wire.number(2, partitions) + wire.data(3, config)


def record(value: bytes) -> bytes:
    """A plain record of a ProduceTarget."""
    return wire.data(4, wire.data(2, value))


def batch(message: bytes) -> bytes:
    """A RecordBatch of a ProduceTarget."""
    return wire.data(5, message)


def produce_target(topic: str, partition: int, parts: bytes) -> bytes:
    """A target of a ProduceRequest. `parts`: its records or batches."""
    return wire.data(2, wire.data(1, topic) + wire.number(3, partition) + parts)


def produce(topic: str, partition: int, parts: bytes, acks: int = ACKS_WRITTEN) -> bytes:
    """A ProduceRequest with one target."""
    return wire.number(1, acks) + produce_target(topic, partition, parts)


def fetch_target(topic: str, partition: int = 0, offset: int = 0) -> bytes:
    """A target of a FetchRequest."""
    return wire.data(1, wire.data(1, topic) + wire.numbers({3: partition, 4: offset}))


def fetch(targets: bytes, max_bytes: int, min_bytes: int = 0, wait_ms: int = 0, decode: bool = False) -> bytes:
    """A FetchRequest, answered at once unless it is to wait."""
    return targets + wire.numbers({2: min_bytes, 3: max_bytes, 4: wait_ms, 5: int(decode)})


def offset_query(topic: str, partition: int, position: int, timestamp_ms: int = 0) -> bytes:
    """A ListOffsetsRequest with one query, to which others may be appended."""
    return wire.data(1, wire.data(1, topic) + wire.numbers({3: partition, 4: position, 5: timestamp_ms}))
