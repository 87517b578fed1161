#!/usr/bin/env python3
"""Checks consumer groups with processes that are killed and paused; scripts/consumer_groups says what that is about."""

import argparse
import os
import random
import sys
import time

from broker import measure
from broker.client import Connection
from broker.process import Broker, Failure
from groups import verdict
from groups.broker_kills import BrokerKills
from groups.members_fail import MembersFail
from groups.party import Party
from groups.processes import Terms
from groups.producer import Producer
from groups.replacement import Replacement

TOPIC, PARTITIONS = "records", 12
MEMBERS_SESSION_MS, KILLS_SESSION_MS = 1_000, 2_000
MEMBERS, REPLACED, BROKER = "members", "replaced", "broker"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tailrace", required=True, type=measure.program, help="the program")
    parser.add_argument("--directory", required=True, type=measure.directory, help="where temporary data goes")
    parser.add_argument("--only", choices=(MEMBERS, REPLACED, BROKER), help="one of the trials")
    return parser.parse_args()


class Check:
    """Runs trials, each with a broker and a topic of its own, under steady produce."""

    def __init__(self, arguments: argparse.Namespace, seed: int) -> None:
        self.tailrace = arguments.tailrace
        self.directory = arguments.directory
        self.seed = seed
        self.faults: list[str] = []

    def party(self, broker: Broker, group: str, session_ms: int) -> Party:
        terms = Terms(self.tailrace, self.directory, broker.port, TOPIC, group, session_ms)
        return Party(terms, PARTITIONS)

    def run(self, name: str) -> None:
        """One of the trials."""
        if name == BROKER:
            self.broker()
        else:
            self.members(name)

    def members(self, name: str) -> None:
        """Members fail, or are replaced."""
        with Broker(self.tailrace, self.directory / name) as broker:
            self.prepare(broker)
            party = self.party(broker, name, MEMBERS_SESSION_MS)
            trial = (
                MembersFail(party, random.Random(f"{self.seed} {name}")) if name == MEMBERS
                else Replacement(party, self.faults))
            with Producer(broker.port, TOPIC, PARTITIONS) as producer:
                trial.run()
                producer.stop()
            self.conclude(trial.summary(), producer, [party])

    def broker(self) -> None:
        """The broker fails."""
        first = Broker(self.tailrace, self.directory / BROKER)
        port = first.port

        def restart() -> Broker:
            return Broker(self.tailrace, self.directory / BROKER, port=port)

        parties = [self.party(first, group, KILLS_SESSION_MS) for group in ("static", "others")]
        trial = BrokerKills(first, *parties, restart, random.Random(f"{self.seed} {BROKER}"), self.faults)
        try:
            self.prepare(first)
            with Producer(port, TOPIC, PARTITIONS) as producer:
                trial.run()
                producer.stop()
            self.conclude(trial.summary(), producer, parties)
        finally:
            trial.broker.__exit__()

    def prepare(self, broker: Broker) -> None:
        with broker.connect() as connection:
            connection.create_topic(TOPIC, PARTITIONS)

    def conclude(self, summary: str, producer: Producer, parties: list[Party]) -> None:
        """Lets all be processed and committed, and prints what was seen."""
        with Connection(producer.port) as connection:
            ends = dict(enumerate(connection.end_offsets(TOPIC, range(PARTITIONS))))
        print(f"{summary}\n  {len(producer.acked):,} records acknowledged, {producer.in_doubt} in doubt", flush=True)
        for party in parties:
            party.finish(ends)
            print(f"  {party.summary()}", flush=True)
            self.faults += party.faults(producer.acked, ends)


def chosen_seed() -> int:
    """TAILRACE_SEED, or one by chance. Throws Failure."""
    text = os.environ.get("TAILRACE_SEED")
    if not text:
        return random.randrange(1 << 32)
    if not text.isdecimal():
        raise Failure(f"TAILRACE_SEED is {text!r}, and no number")
    return int(text)


def main() -> int:
    arguments = parse_arguments()
    seed = chosen_seed()
    print(f"seed {seed}", flush=True)
    begin = time.monotonic()
    check = Check(arguments, seed)
    try:
        for name in [arguments.only] if arguments.only else [MEMBERS, REPLACED, BROKER]:
            check.run(name)
    finally:
        for fault in verdict.told_faults(check.faults):
            print(fault, file=sys.stderr, flush=True)
    print(f"consumer groups: {len(check.faults)} faults; {time.monotonic() - begin:.0f} s; seed {seed}")
    return 1 if check.faults else 0


if __name__ == "__main__":
    sys.exit(measure.main(main))
