"""What processes asked of the broker as members of a group, and what it answered, as seen on the wire."""

import dataclasses
import threading
from typing import NamedTuple, Optional

UNANSWERED = float("inf")


class Membership(NamedTuple):
    """A member, from when it was let in until it was out. The same id may be let in again: in a later epoch, as those of a
    group only grow, so an epoch tells which time it is from."""

    member: str
    # In which it was let in; those that it was told later in its heartbeats are no lower.
    epoch: int


@dataclasses.dataclass
class Commit:
    """Offsets of a partition, from `begin` to below `end`, as a member asked to have them committed."""

    process: str
    member: str
    epoch: int
    partition: int
    # Where the process stood before: as it fetched the offset, or as it had it committed last.
    begin: int
    end: int
    # By time.monotonic().
    sent: float
    answered: float = UNANSWERED
    # Of an ErrorCode; 0: accepted. Counts once answered.
    error: int = 0

    @property
    def is_accepted(self) -> bool:
        return self.answered != UNANSWERED and self.error == 0

    @property
    def is_in_doubt(self) -> bool:
        """Whether nobody but the broker knows what became of it."""
        return self.answered == UNANSWERED


@dataclasses.dataclass(frozen=True)
class Moment:
    """Something about a member became known."""

    process: str
    member: str
    # Of the member, where it is known.
    epoch: int
    # By time.monotonic().
    at: float


class Journal:
    """What was seen of the members of one group. Thread-safe; times are when a request was read, before it went on to the
    broker, and when its answer was read, before it went on to the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._commits: list[Commit] = []
        self._joined: list[Moment] = []
        self._heard: list[Moment] = []
        self._fenced: list[Moment] = []
        self._faults: list[str] = []

    def sent(self, commits: list[Commit]) -> None:
        """Processes ask for these."""
        with self._lock:
            self._commits += commits

    def answered(self, commits: list[Commit], errors: list[int], at: float) -> None:
        """The outcomes of commits, one for each."""
        with self._lock:
            if len(commits) != len(errors):
                self._faults.append(f"{len(commits)} offsets were committed, and {len(errors)} answered")
                return
            for commit, error in zip(commits, errors):
                commit.answered, commit.error = at, error

    def joined(self, moment: Moment) -> None:
        """A member was let in, in this epoch."""
        with self._lock:
            self._joined.append(moment)
            self._heard.append(moment)

    def heard(self, moment: Moment) -> None:
        """A member's heartbeat was answered well."""
        with self._lock:
            self._heard.append(moment)

    def fenced(self, moment: Moment) -> None:
        """A member is none any more, in this epoch: the broker said so, to it or to others."""
        with self._lock:
            self._fenced.append(moment)

    def broke(self, fault: str) -> None:
        """What was seen makes no sense."""
        with self._lock:
            self._faults.append(fault)

    @property
    def commits(self) -> list[Commit]:
        """All, in the order in which they were sent."""
        with self._lock:
            return list(self._commits)

    @property
    def joinings(self) -> list[Moment]:
        with self._lock:
            return list(self._joined)

    @property
    def fencings(self) -> list[Moment]:
        with self._lock:
            return list(self._fenced)

    @property
    def faults(self) -> list[str]:
        with self._lock:
            return list(self._faults)

    @property
    def members(self) -> int:
        """How many memberships there were."""
        with self._lock:
            return len({(moment.member, moment.epoch) for moment in self._joined})

    def member(self, process: str) -> Membership:
        """What a process was let in as last; it is or was one."""
        with self._lock:
            last = next(moment for moment in reversed(self._joined) if moment.process == process)
        return Membership(last.member, last.epoch)

    def first_heard(self, process: str, since: float) -> Optional[float]:
        """When a process's heartbeat, or that it joins, was first answered well after a time; None: not yet."""
        with self._lock:
            return next((m.at for m in self._heard if m.process == process and m.at >= since), None)

    def has_joined(self, process: str, since: float, after: Membership) -> bool:
        """Whether a process was let in since, as another member or as the same one in a later epoch."""
        with self._lock:
            return any(
                m.process == process and m.at >= since and (m.member != after.member or m.epoch > after.epoch)
                for m in self._joined)
