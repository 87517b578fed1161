"""A member of a group that prints what it reads, as simple as a client can be: one thread, one connection, no clock of
its session. Run as a process of its own; prints an object per line, as `tailrace consume --format json` does."""

import argparse
import json
import os
import pathlib
import signal
import sys
import time
import uuid
from typing import Optional

# As a process, it finds the modules beside its folder.
if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from broker import group_calls, requests, responses, wire
from broker.client import Connection
from broker.group_calls import Identity, Standing
from broker.responses import BrokerError, ConnectionLost

COMMIT_SECONDS = 0.1
RETRY_SECONDS = 0.05
FETCH_WAIT_MS = 50
FETCH_BYTES = 1 << 20
REBALANCE_MS = 5_000
GONE = (group_calls.UNKNOWN_GROUP, group_calls.UNKNOWN_MEMBER, group_calls.FENCED_MEMBER)


class Member:
    """What it owns, and how far it has come. A partition is in `read` from when it is owned until it is let go."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.connection: Optional[Connection] = None
        self.is_stopping = False
        self.forget()

    def forget(self) -> None:
        """It is no member any more; next time it is another one."""
        self.who = Identity(self.options.group, str(uuid.uuid4()))
        self.standing: Optional[Standing] = None
        # The next offset to read, by partition, and what of that is committed.
        self.read: dict[int, int] = {}
        self.committed: dict[int, int] = {}
        self.reported: frozenset[int] = frozenset()
        self.heartbeat_at = self.commit_at = 0.0

    def run(self) -> None:
        """Until it is told to stop. Throws BrokerError for what no client has to expect."""
        while not self.is_stopping:
            try:
                if self.connection is None:
                    self.connection = Connection(self.options.port)
                self.turn()
            except (OSError, ConnectionLost) as error:
                self.reconnect(error)
            except BrokerError as error:
                if error.code not in GONE:
                    raise
                print(f"{error}; joining anew", file=sys.stderr, flush=True)
                self.forget()
        self.leave()

    def reconnect(self, error: Exception) -> None:
        """Whether it is still a member, the broker will tell."""
        print(f"{error}; connecting anew", file=sys.stderr, flush=True)
        if self.connection is not None:
            self.connection.__exit__()
        self.connection = None
        self.heartbeat_at = 0.0
        time.sleep(RETRY_SECONDS)

    def turn(self) -> None:
        """Commits before it beats: so a member that was stopped in between tries to commit what it has no right to."""
        if self.standing is None:
            self.join()
        self.process()
        if time.monotonic() >= self.commit_at:
            self.commit()
        self.reconcile()
        if time.monotonic() >= self.heartbeat_at or frozenset(self.read) != self.reported:
            self.beat()

    def join(self) -> None:
        options = self.options
        request = group_calls.join_group(
            self.who, options.topic, options.name, options.session_ms, REBALANCE_MS, options.instance)
        self.follow(group_calls.joined(self.connection.call(group_calls.JOIN_GROUP, request)))

    def beat(self) -> None:
        self.reported = frozenset(self.read)
        request = group_calls.heartbeat(self.who, self.options.topic, self.reported)
        self.follow(group_calls.heard(self.connection.call(group_calls.HEARTBEAT, request)))

    def follow(self, standing: Standing) -> None:
        """Where there is news it is told that it was understood, at once."""
        is_news = self.standing is None or standing.epoch != self.standing.epoch
        self.standing = standing
        self.who = self.who._replace(epoch=standing.epoch)
        self.heartbeat_at = 0.0 if is_news else time.monotonic() + standing.interval_ms / 1000

    def reconcile(self) -> None:
        """Commits and lets go of what is not its own any more; begins with what is new, where the group is."""
        wanted = self.standing.partitions
        gone = self.read.keys() - wanted
        if gone:
            self.commit()
        for partition in gone & self.read.keys():
            self.drop(partition)
        if new := wanted - self.read.keys():
            request = group_calls.fetch_offsets(self.options.group, self.options.topic, new)
            stored = group_calls.stored_offsets(self.connection.call(group_calls.FETCH_OFFSETS, request))
            for partition in new:
                self.read[partition] = self.committed[partition] = stored[partition]

    def drop(self, partition: int) -> None:
        del self.read[partition]
        del self.committed[partition]

    def process(self) -> None:
        if not self.read:
            time.sleep(FETCH_WAIT_MS / 1000)
            return
        targets = [requests.fetch_target(self.options.topic, partition, at) for partition, at in self.read.items()]
        request = requests.fetch(b"".join(targets), FETCH_BYTES, wait_ms=FETCH_WAIT_MS, decode=True)
        lines = []
        fetched = responses.fetched_records(self.connection.call(requests.FETCH, request))
        for part in fetched:
            for offset, value in part.records:
                lines.append(json.dumps({"partition": part.partition, "offset": offset, "value": value.decode()}))
        if lines:
            os.write(sys.stdout.fileno(), ("\n".join(lines) + "\n").encode())
        for part in fetched:
            self.read[part.partition] = part.next_offset

    def commit(self) -> None:
        """What is processed. What belongs to another by now is dropped."""
        self.commit_at = time.monotonic() + COMMIT_SECONDS
        offsets = {partition: at for partition, at in self.read.items() if at != self.committed[partition]}
        if not offsets:
            return
        request = group_calls.commit_offset(self.who, self.options.topic, offsets)
        errors = group_calls.commit_errors(self.connection.call(group_calls.COMMIT_OFFSET, request))
        for (partition, at), error in zip(offsets.items(), errors, strict=True):
            if error is None:
                self.committed[partition] = at
            elif group_calls.error_code(error) == group_calls.NOT_OWNER:
                self.drop(partition)
            else:
                responses.check_error(error)

    def leave(self) -> None:
        if self.connection is None or self.standing is None:
            return
        try:
            self.commit()
            self.connection.call(group_calls.LEAVE_GROUP, group_calls.leave_group(self.who))
        except (OSError, ConnectionLost):
            pass
        except BrokerError as error:
            if error.code not in GONE:
                raise


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", required=True, type=int, help="where the broker listens, on 127.0.0.1")
    parser.add_argument("--name", required=True, help="for people")
    parser.add_argument("--group", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--session-ms", required=True, type=int)
    parser.add_argument("--instance", help="of a static member")
    return parser.parse_args()


def main() -> int:
    member = Member(parse_arguments())

    def stop(*_: object) -> None:
        member.is_stopping = True

    signal.signal(signal.SIGTERM, stop)
    try:
        member.run()
    except (BrokerError, wire.Malformed) as error:
        print(f"{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
