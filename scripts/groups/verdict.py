"""What must hold of what was seen, in words where it does not."""

import bisect
from collections import defaultdict
from collections.abc import Iterable, Mapping

from groups.journal import Commit, Membership, Moment

# Of one kind of fault; the rest is counted.
MOST_TOLD = 10


def told(commit: Commit) -> str:
    """A commit in words."""
    return f"{commit.process} (member {commit.member}, epoch {commit.epoch}) {commit.begin} to {commit.end}"


def chain_faults(commits: Iterable[Commit], stored: Mapping[int, int]) -> list[str]:
    """The accepted commits of a partition follow one another: each begins where the one before ended, the first at 0, the
    last ends where the group is. So no two members committed the same records, and none were left out. Commits of which the
    answer was lost may have been stored: they explain a gap, and nothing else. `stored`: the group's offsets at the end, by
    partition."""
    accepted, in_doubt = defaultdict(list), defaultdict(set)
    for commit in commits:
        if commit.is_accepted:
            accepted[commit.partition].append(commit)
        elif commit.is_in_doubt:
            in_doubt[commit.partition].add(commit.end)
    faults = []
    for partition in sorted(set(accepted) | set(stored)):
        chain = sorted(accepted[partition], key=lambda commit: (commit.begin, commit.end, commit.sent))
        faults += partition_faults(partition, chain, in_doubt[partition], stored.get(partition, 0))
    return faults


def partition_faults(partition: int, chain: list[Commit], in_doubt: set[int], stored: int) -> list[str]:
    """Of one partition. `chain`: its accepted commits by where they begin; `in_doubt`: where those of unknown fate end."""
    faults = []
    reached, last = 0, None
    for commit in chain:
        if commit.end < commit.begin:
            faults.append(f"partition {partition}: a commit goes back: {told(commit)}")
        elif commit.begin < reached:
            faults.append(f"partition {partition}: committed twice: {told(commit)}, after {told(last)}")
        elif commit.begin > reached and commit.begin not in in_doubt:
            faults.append(f"partition {partition}: nobody committed {reached} to {commit.begin}, yet {told(commit)}")
        elif last is not None and commit.answered < last.sent:
            faults.append(f"partition {partition}: {told(commit)} was accepted before {told(last)} was sent")
        if commit.end >= reached:
            reached, last = commit.end, commit
    if stored != reached and not (stored > reached and stored in in_doubt):
        faults.append(f"partition {partition}: {reached} is committed, and {stored} stored")
    return faults


def fenced_faults(
    commits: Iterable[Commit], joinings: Iterable[Moment], fencings: Iterable[Moment]
) -> list[str]:
    """A member that is out has nothing accepted that it sends afterwards, unless it was let in again: then only in an
    epoch since. Which time a commit or a fencing is about, its epoch tells: a late one is not taken for one of the next
    time."""
    epochs = defaultdict(list)
    for moment in joinings:
        bisect.insort(epochs[moment.member], moment.epoch)

    def membership(member: str, epoch: int) -> Membership:
        place = bisect.bisect_right(epochs[member], epoch)
        return Membership(member, epochs[member][place - 1] if place else 0)

    out: dict[Membership, float] = {}
    for moment in fencings:
        ended = membership(moment.member, moment.epoch)
        out[ended] = min(moment.at, out.get(ended, moment.at))
    faults = []
    for commit in commits:
        since = out.get(membership(commit.member, commit.epoch), commit.sent)
        if commit.is_accepted and commit.sent > since:
            faults.append(
                f"partition {commit.partition}: accepted {commit.sent - since:.3f} s after the member was out:"
                f" {told(commit)}")
    return faults


def lost_faults(commits: Iterable[Commit], killed: float, stored: Mapping[int, int]) -> list[str]:
    """What was accepted before the broker was killed is there after its restart; of each partition the furthest is told.
    `stored`: the offsets then."""
    furthest: dict[int, Commit] = {}
    for commit in commits:
        if commit.is_accepted and commit.sent < killed:
            furthest[commit.partition] = max(commit, furthest.get(commit.partition, commit), key=lambda each: each.end)
    return [
        f"partition {partition}: {told(commit)} was accepted, and after the restart {stored.get(partition, 0)} is stored"
        for partition, commit in sorted(furthest.items())
        if commit.end > stored.get(partition, 0)
    ]


def unprocessed_faults(
    processed: Mapping[tuple[int, int], bytes], acked: Mapping[tuple[int, int], bytes], ends: Mapping[int, int]
) -> list[str]:
    """Every record that is stored was processed, and what was acknowledged has the value that was sent. By partition and
    offset; `ends`: of the partitions."""
    faults = []
    for (partition, offset), value in sorted(acked.items()):
        found = processed.get((partition, offset))
        if found is None:
            faults.append(f"partition {partition}: offset {offset} was acknowledged, and never processed")
        elif found != value:
            faults.append(f"partition {partition}: offset {offset} is {found!r}; it was {value!r}")
    for partition, end in sorted(ends.items()):
        missing = [at for at in range(end) if (partition, at) not in processed and (partition, at) not in acked]
        faults += [f"partition {partition}: offset {at} was never processed" for at in missing]
    return faults


def told_faults(faults: list[str]) -> list[str]:
    """The first few, and how many more there are."""
    rest = len(faults) - MOST_TOLD
    return faults[:MOST_TOLD] + ([f"and {rest} more"] if rest > 0 else [])
