"""A broker that is killed under two groups, one of static members and one of others, and started again."""

import random
import time
from collections.abc import Callable

from broker.process import Broker, Failure
from groups import verdict
from groups.party import Party, await_that
from groups.processes import CLI, PYTHON

KILLS = 6
# The longest from one kill to the next, once all is settled.
GAP_SECONDS = 0.8
# The longest before a kill in which members come and go.
UNREST_SECONDS = 0.3


class BrokerKills:
    """The trial. `broker`: is killed and replaced. The parties are without members."""

    def __init__(
        self, broker: Broker, static: Party, others: Party, start: Callable[[], Broker], chance: random.Random,
        faults: list[str],
    ) -> None:
        """`start`: starts a broker in the place of one that was killed. `faults`: what does not hold is added there."""
        self.broker = broker
        self.static = static
        self.others = others
        self.start = start
        self.chance = chance
        self.faults = faults
        self.longest_away = 0.0
        self.longest_back = 0.0

    @property
    def parties(self) -> tuple[Party, Party]:
        return (self.static, self.others)

    def run(self) -> None:
        """Throws Failure."""
        for index, kind in enumerate((CLI, CLI, PYTHON)):
            self.static.add(kind, instance=f"instance-{index}")
            self.others.add(kind)
        self.others.add(PYTHON)
        for party in self.parties:
            party.settle()
        for index in range(KILLS):
            self.kill(has_unrest=index % 2 == 1, is_long=index % 4 == 3, is_joint=index % 3 == 2)

    def kill(self, has_unrest: bool, is_long: bool, is_joint: bool) -> None:
        """`has_unrest`: while the others' partitions are on the move; `is_long`: it is away for longer than a session;
        `is_joint`: with a static member, whose successor comes after the restart."""
        owned = self.static.owned_by_static()
        time.sleep(self.chance.uniform(0, GAP_SECONDS))
        if has_unrest:
            self.exchange()
        gone = self.chance.choice([p for p in self.static.running.values() if p.kind == CLI]) if is_joint else None
        if gone is not None:
            self.static.kill(gone)
        killed = time.monotonic()
        self.broker.kill()
        if is_long:
            time.sleep(1.5 * self.static.terms.session_ms / 1000)
        self.broker = self.start()
        with self.broker.connect():
            back = time.monotonic()
        if gone is not None:
            self.static.add(CLI, instance=gone.instance)
        self.longest_away = max(self.longest_away, back - killed)
        for party in self.parties:
            lost = verdict.lost_faults(party.journal.commits, killed, party.stored())
            self.faults += [f"{party.terms.group}: {fault}" for fault in lost]
        for party in self.parties:
            self.await_members(party, back)
        for party in self.parties:
            party.settle()
        if (now := self.static.owned_by_static()) != owned:
            self.faults.append(f"{self.static.terms.group}: members owned {owned} before the broker was killed, now {now}")

    def exchange(self) -> None:
        """One of the others is killed, and another one comes."""
        killed = self.chance.choice([p for p in self.others.running.values() if p.kind == PYTHON])
        events = [lambda: self.others.kill(killed), lambda: self.others.add(PYTHON)]
        self.chance.shuffle(events)
        for event in events:
            event()
            time.sleep(self.chance.uniform(0, UNREST_SECONDS))

    def await_members(self, party: Party, back: float) -> None:
        """All are members within their session time-out, the same ones or others. `back`: since when the broker serves."""
        journal = party.journal
        for process in list(party.running.values()):
            try:
                await_that("", lambda: journal.first_heard(process.name, back) is not None)
            except Failure as error:
                process.check()
                told = f"{process.name} of {party.terms.group} is no member again: {process.last_words()}"
                raise Failure(told) from error
            seconds = journal.first_heard(process.name, back) - back
            self.longest_back = max(self.longest_back, seconds)
            if seconds > party.terms.session_ms / 1000:
                self.faults.append(
                    f"{party.terms.group}: {process.name} was a member again only {seconds:.2f} s after the restart")

    def summary(self) -> str:
        """In a line."""
        return (
            f"{KILLS} kills of the broker, away for {self.longest_away:.1f} s at most; all were members again"
            f" {self.longest_back:.2f} s after its return at the latest"
        )
