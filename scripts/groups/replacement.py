"""Static members whose place another process takes, with the same instance id, while they are paused."""

import subprocess
import time

from broker.process import Failure
from groups.party import Party
from groups.processes import CLI, END_SECONDS, MemberProcess

# The tool's, where another process has its place: 8 plus FAILED_PRECONDITION.
ENDED_AS_REPLACED = 17
SAID = "replaced in group '{group}' by another process with the same instance id, '{instance}'"
INSTANCES = ("instance-0", "instance-1")


class Replacement:
    """The trial. `party`: without members."""

    def __init__(self, party: Party, faults: list[str]) -> None:
        """`faults`: what does not hold is added there."""
        self.party = party
        self.faults = faults
        self.longest_end = 0.0

    def run(self) -> None:
        """Throws Failure."""
        first, second = [self.party.add(CLI, instance=instance) for instance in INSTANCES]
        self.party.settle()
        self.replace(first, is_out=True)
        self.replace(second, is_out=False)

    def replace(self, paused: MemberProcess, is_out: bool) -> None:
        """One is paused, its successor comes, and it goes on. `is_out`: the successor comes once the session is over."""
        journal = self.party.journal
        paused.pause()
        del self.party.running[paused.name]
        if is_out:
            self.party.await_gone(paused, journal.member(paused.name))
        successor = self.party.add(CLI, instance=paused.instance)
        self.party.settle()
        members = self.party.look().members
        out, continued = journal.member(paused.name), time.monotonic()
        paused.go_on()
        self.await_end(paused)
        self.longest_end = max(self.longest_end, time.monotonic() - continued)
        now = self.party.look().members
        if now != members or journal.has_joined(paused.name, continued, after=out):
            self.faults.append(f"{paused.name} threw out {successor.name}: {members} were members, and now {now}")

    def await_end(self, paused: MemberProcess) -> None:
        """It ends by itself, and says why."""
        try:
            status = paused.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise Failure(f"{paused.name} goes on beside its successor: {paused.last_words()}") from error
        said = SAID.format(group=self.party.terms.group, instance=paused.instance)
        if status != ENDED_AS_REPLACED or said not in paused.last_words():
            self.faults.append(f"{paused.name}, which was replaced, ended with status {status}: {paused.last_words()}")

    def summary(self) -> str:
        """In a line."""
        return f"2 static members replaced while they were paused; they ended {self.longest_end:.1f} s later at the latest"
