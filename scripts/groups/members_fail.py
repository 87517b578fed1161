"""Five members, of which some are killed, paused past their session and joined by others, while the broker is well."""

import random
import time
from collections.abc import Callable

from broker.process import Failure
from groups.journal import Membership
from groups.party import Party, await_that
from groups.processes import CLI, PYTHON, MemberProcess

ROUNDS = 4
# The longest from one event to the next.
GAP_SECONDS = 0.4


class MembersFail:
    """The trial. `party`: without members."""

    def __init__(self, party: Party, chance: random.Random) -> None:
        self.party = party
        self.chance = chance
        self.longest_out = 0.0
        self.refused = 0

    def run(self) -> None:
        """Throws Failure."""
        for kind in (CLI, CLI, CLI, PYTHON, PYTHON):
            self.party.add(kind)
        self.party.settle()
        for index in range(ROUNDS):
            self.round((PYTHON, CLI)[index % 2])

    def round(self, paused_kind: str) -> None:
        """One of a kind is paused, another one killed, and one added in its place, in any order."""
        running = list(self.party.running.values())
        paused = self.chance.choice([process for process in running if process.kind == paused_kind])
        killed = self.chance.choice([process for process in running if process is not paused])
        last_alive = {}

        def end(process: MemberProcess, how: Callable[[], None]) -> None:
            how()
            last_alive[process.name] = time.monotonic()

        events = [
            lambda: end(paused, paused.pause), lambda: end(killed, lambda: self.party.kill(killed)),
            lambda: self.party.add(killed.kind),
        ]
        self.chance.shuffle(events)
        for event in events:
            self.let_pass()
            event()
        for process in (killed, paused):
            gone = self.party.await_gone(process, self.party.journal.member(process.name))
            self.longest_out = max(self.longest_out, gone - last_alive[process.name])
        self.let_pass()
        self.go_on(paused, self.party.journal.member(paused.name))
        self.party.settle()

    def let_pass(self) -> None:
        time.sleep(self.chance.uniform(0, GAP_SECONDS))

    def go_on(self, paused: MemberProcess, out: Membership) -> None:
        """A member that is out, and does not know it yet, goes on: it has to be let in anew."""
        begin, journal = time.monotonic(), self.party.journal
        paused.go_on()
        await_that(
            f"{paused.name}, whose session was over, is a member again",
            lambda: journal.has_joined(paused.name, begin, after=out))
        told = [
            moment for moment in journal.fencings
            if moment.member == out.member and moment.epoch >= out.epoch and moment.at > begin
        ]
        self.refused += len(told)
        # The tool looks at its clock; this one learns it from the broker only.
        if paused.kind == PYTHON and not told:
            raise Failure(f"{paused.name} joined anew as if nobody had told it that member {out.member} is out")

    def summary(self) -> str:
        """In a line."""
        return (
            f"{ROUNDS} rounds of a SIGKILL, a SIGSTOP and a new member; out {self.longest_out:.1f} s later at the latest;"
            f" {self.refused} calls of fenced members refused"
        )
