"""Tests of the pure parts of scripts/consumer_groups. Run by scripts/test."""

import json
import socket
import pathlib
import threading
import unittest

from broker import group_calls, wire
from broker.group_calls import Described, Group, Identity
from groups import party, processes, verdict
from groups.journal import Commit, Journal, Membership, Moment
from groups.processes import Terms
from groups.tap import Calls, Tap


def commit(begin, end, process="a", member=None, sent=0.0, answered=None, error=0, partition=0, epoch=1):
    """A commit that is answered at once; `answered` infinite: it is in doubt."""
    return Commit(process, member or process, epoch, partition, begin, end, sent, sent if answered is None else answered, error)


NEVER = float("inf")


class ChainTests(unittest.TestCase):
    def faults(self, *commits, stored=None):
        ends = [each.end for each in commits if each.is_accepted]
        return verdict.chain_faults(commits, {0: max(ends, default=0) if stored is None else stored})

    def test_commits_that_follow_one_another_are_fine_whoever_made_them(self):
        chain = [commit(0, 0), commit(0, 5), commit(5, 9, "b", sent=1), commit(9, 9, "b", sent=2), commit(9, 12, sent=3)]
        self.assertEqual(self.faults(*chain), [])
        self.assertEqual(self.faults(*reversed(chain)), [])

    def test_what_two_members_committed_is_told(self):
        for second in [commit(3, 9, "b", sent=1), commit(0, 5, "b", sent=1), commit(2, 3, "b", sent=1)]:
            self.assertRegex("\n".join(self.faults(commit(0, 5), second)), "partition 0: committed twice: b .*, after a ")

    def test_what_nobody_committed_is_told(self):
        self.assertRegex(self.faults(commit(0, 5), commit(7, 9, sent=1))[0], "nobody committed 5 to 7, yet a ")
        self.assertRegex(self.faults(commit(2, 5))[0], "nobody committed 0 to 2")

    def test_a_commit_in_doubt_explains_a_gap_that_it_fits_and_nothing_else(self):
        doubtful = commit(5, 7, answered=NEVER)
        self.assertEqual(self.faults(commit(0, 5), doubtful, commit(7, 9, "b", sent=1)), [])
        self.assertEqual(self.faults(commit(0, 5), doubtful, commit(5, 9, sent=1)), [])
        self.assertEqual(self.faults(commit(0, 5), doubtful, stored=7), [])
        self.assertEqual(len(self.faults(commit(0, 5), doubtful, commit(8, 9, sent=1))), 1)
        self.assertEqual(len(self.faults(commit(0, 5), doubtful, commit(4, 9, sent=1))), 1)

    def test_refused_commits_count_for_nothing(self):
        self.assertEqual(self.faults(commit(0, 5), commit(3, 9, "b", error=26), commit(5, 6, sent=1)), [])

    def test_a_commit_that_goes_back_is_told(self):
        self.assertRegex("\n".join(self.faults(commit(0, 5), commit(5, 4, sent=1), stored=5)), "goes back")

    def test_a_later_range_that_was_accepted_earlier_is_told(self):
        self.assertRegex(self.faults(commit(0, 5, sent=2), commit(5, 9, "b", sent=0, answered=1))[0], "accepted before a ")

    def test_what_is_stored_is_what_was_committed_last(self):
        self.assertEqual(self.faults(commit(0, 5), stored=4), ["partition 0: 5 is committed, and 4 stored"])
        self.assertEqual(self.faults(stored=4), ["partition 0: 0 is committed, and 4 stored"])

    def test_each_partition_is_a_chain_of_its_own(self):
        self.assertEqual(verdict.chain_faults([commit(0, 5), commit(0, 3, "b", partition=1)], {0: 5, 1: 3}), [])


class OtherVerdictTests(unittest.TestCase):
    def test_what_is_accepted_of_a_member_that_is_out_is_told(self):
        joined, out = [Moment("a", "m", 1, 0)], [Moment("a", "m", 1, 5), Moment("a", "m", 1, 9)]
        fine = [commit(0, 1, member="m", sent=4, answered=6), commit(0, 1, member="n", sent=7),
                commit(0, 1, member="m", sent=7, error=25), commit(0, 1, member="m", sent=7, answered=NEVER)]
        self.assertEqual(verdict.fenced_faults(fine, joined, out), [])
        self.assertRegex(verdict.fenced_faults([commit(0, 1, member="m", sent=7)], joined, out)[0], "accepted 2.000 s after")

    def test_a_member_that_was_let_in_again_may_commit_in_an_epoch_since_and_in_no_earlier_one(self):
        joined = [Moment("a", "m", 8, 6), Moment("a", "m", 2, 0)]
        # The second one is told late: it is about the first time still.
        out = [Moment("a", "m", 2, 5), Moment("a", "m", 3, 6.5)]
        fine = [commit(0, 1, member="m", sent=7, epoch=8), commit(0, 1, member="m", sent=7, epoch=11),
                commit(0, 1, member="m", sent=4, answered=7, epoch=3)]
        self.assertEqual(verdict.fenced_faults(fine, joined, out), [])
        for epoch in (2, 3, 7):
            late = commit(0, 1, member="m", sent=7, epoch=epoch)
            self.assertRegex(verdict.fenced_faults([late], joined, out)[0], "accepted 2.000 s after")
        again = out + [Moment("a", "m", 9, 10)]
        self.assertEqual(verdict.fenced_faults(fine, joined, again), [])
        self.assertEqual(len(verdict.fenced_faults([commit(0, 1, member="m", sent=11, epoch=9)], joined, again)), 1)

    def test_what_was_accepted_before_a_kill_and_is_not_there_is_told(self):
        commits = [commit(0, 5), commit(5, 9, sent=3), commit(5, 7, answered=NEVER), commit(0, 8, error=25)]
        self.assertEqual(verdict.lost_faults(commits, 2, {0: 5}), [])
        told = verdict.lost_faults(commits, 2, {0: 4})[0]
        self.assertRegex(told, "0 to 5 was accepted, and after the restart 4 is stored")
        self.assertEqual(len(verdict.lost_faults(commits, 2, {})), 1)

    def test_records_that_nobody_processed_are_told(self):
        processed = {(0, 0): b"a", (0, 1): b"b"}
        self.assertEqual(verdict.unprocessed_faults(processed, {(0, 0): b"a"}, {0: 2}), [])
        self.assertEqual(
            verdict.unprocessed_faults(processed, {(0, 0): b"x", (0, 2): b"c"}, {0: 4}),
            ["partition 0: offset 0 is b'a'; it was b'x'", "partition 0: offset 2 was acknowledged, and never processed",
             "partition 0: offset 3 was never processed"])

    def test_of_many_faults_some_are_told(self):
        self.assertEqual(verdict.told_faults(["x"]), ["x"])
        self.assertEqual(verdict.told_faults(["x"] * 12)[-2:], ["x", "and 2 more"])


class SettledTests(unittest.TestCase):
    def test_a_group_is_settled_when_those_who_run_share_everything(self):
        def group(*owned, is_stable=True):
            members = [Described(f"m{n}", "", name, frozenset(parts)) for n, (name, parts) in enumerate(owned)]
            return Group(is_stable, members)

        self.assertTrue(party.is_settled(group(("a", {0, 2}), ("b", {1})), ["b", "a"], 3))
        for other in [
            group(("a", {0, 2}), ("b", {1}), is_stable=False), group(("a", {0, 2}), ("b", {1}), ("b", set())),
            group(("a", {0}), ("b", {1})), group(("a", {0, 1, 2}), ("b", {1})), group(("a", {0, 1, 2}), ("b", set())),
            group(("a", {0, 1, 2})), Group(True, []),
        ]:
            self.assertFalse(party.is_settled(other, ["a", "b"], 3), other)


class ProcessTests(unittest.TestCase):
    def test_a_line_that_was_cut_off_counts_for_nothing(self):
        line = json.dumps({"partition": 3, "offset": 7, "value": "v", "topic": "t"}).encode() + b"\n"
        self.assertEqual(processes.printed(line + line[:-1]), [(3, 7, b"v")])
        self.assertEqual(processes.printed(b""), [])
        self.assertEqual(processes.printed(line[:5]), [])

    def test_static_members_are_started_with_their_instance(self):
        terms = Terms("tailrace", pathlib.Path("."), 1, "t", "g", 1_000)
        for kind, option in [(processes.CLI, "--instance-id"), (processes.PYTHON, "--instance")]:
            self.assertNotIn(option, processes.command(kind, terms, "n", 7, None))
            command = processes.command(kind, terms, "n", 7, "i")
            self.assertEqual(command[command.index(option) + 1], "i")


def response(call, message=b"", code=0):
    status = wire.data(2, wire.number(1, 9) + wire.data(2, "no") + wire.number(3, code)) if code else b""
    return wire.number(1, call) + status, message


class CallsTests(unittest.TestCase):
    WHO = Identity("g", "m", 3)

    def setUp(self):
        self.journal = Journal()
        self.calls = Calls("a", self.journal, {})
        self.call = 0

    def ask(self, method, message):
        self.call += 1
        self.calls.request(wire.request_header(self.call, method), message)

    def commit(self, offsets):
        self.ask(group_calls.COMMIT_OFFSET, group_calls.commit_offset(self.WHO, "t", offsets))

    def test_a_commit_begins_where_the_process_fetched_or_committed_last(self):
        self.ask(group_calls.FETCH_OFFSETS, group_calls.fetch_offsets("g", "t", [0, 1]))
        stored = [wire.numbers({3: 0, 4: 5}), wire.numbers({3: 1, 4: (1 << 64) - 1})]
        self.calls.response(*response(1, b"".join(wire.data(1, wire.data(1, "t") + offset) for offset in stored)))
        self.commit({0: 8, 1: 2})
        # Partition 1 is not its own.
        refused = wire.data(1, wire.data(1, wire.number(1, group_calls.NOT_OWNER)))
        self.calls.response(*response(2, wire.data(1, b"") + refused))
        self.commit({0: 9, 1: 3})
        found = [(c.partition, c.begin, c.end, c.epoch, c.is_accepted, c.is_in_doubt) for c in self.journal.commits]
        self.assertEqual(found, [
            (0, 5, 8, 3, True, False), (1, 0, 2, 3, False, False), (0, 8, 9, 3, False, True), (1, 0, 3, 3, False, True)])

    def test_a_member_that_is_told_that_it_is_out_is_noted(self):
        self.commit({0: 8})
        self.calls.response(*response(1, code=group_calls.UNKNOWN_MEMBER))
        self.assertEqual([(moment.member, moment.epoch) for moment in self.journal.fencings], [("m", 3)])
        self.assertEqual([(c.is_accepted, c.is_in_doubt) for c in self.journal.commits], [(False, False)])

    def test_who_is_heard_and_let_in_is_noted(self):
        self.ask(group_calls.HEARTBEAT, group_calls.heartbeat(self.WHO, "t", [1]))
        self.calls.response(*response(1))
        self.assertIsNotNone(self.journal.first_heard("a", 0))
        self.assertFalse(self.journal.has_joined("a", 0, after=Membership("x", 9)))
        self.ask(group_calls.JOIN_GROUP, group_calls.join_group(self.WHO, "t", "c", 1_000, 1_000, instance="i"))
        self.calls.response(*response(2, wire.data(1, "m") + wire.numbers({2: 7})))
        self.assertEqual(self.journal.member("a"), Membership("m", 7))
        self.assertTrue(self.journal.has_joined("a", 0, after=Membership("x", 9)))
        self.assertTrue(self.journal.has_joined("a", 0, after=Membership("m", 6)))
        self.assertFalse(self.journal.has_joined("a", 0, after=Membership("m", 7)))
        self.assertEqual(self.journal.members, 1)

    def test_other_calls_are_not_noted(self):
        self.ask("AdminService/Ping", b"anything")
        self.calls.response(*response(1, b"anything"))
        self.assertEqual((self.journal.commits, self.journal.faults), ([], []))


class TapTests(unittest.TestCase):
    def test_all_passes_through_and_a_broker_that_is_not_there_hangs_up(self):
        listener = socket.create_server(("127.0.0.1", 0))
        journal = Journal()
        tap = Tap("a", listener.getsockname()[1], journal)
        commits = group_calls.commit_offset(Identity("g", "m"), "t", {2: 4})
        request = wire.PREFACE + wire.call(1, group_calls.COMMIT_OFFSET, commits)
        answer = wire.PREFACE + wire.frame(wire.number(1, 1), wire.data(1, b""))

        def serve():
            with listener, listener.accept()[0] as connection:
                connection.sendall(answer[:3])
                self.assertEqual(connection.recv(len(request), socket.MSG_WAITALL), request)
                connection.sendall(answer[3:])

        thread = threading.Thread(target=serve)
        thread.start()
        with socket.create_connection(("127.0.0.1", tap.port), 10) as connection:
            connection.sendall(request)
            with connection.makefile("rb") as stream:
                self.assertEqual(stream.read(), answer)
            thread.join(10)
        self.assertEqual([(c.partition, c.end, c.is_accepted) for c in journal.commits], [(2, 4, True)])
        with socket.create_connection(("127.0.0.1", tap.port), 10) as connection:
            self.assertEqual(connection.recv(1), b"")
        tap.listener.close()


class GroupCallsTests(unittest.TestCase):
    def test_what_a_member_is_told_is_read_packed_or_not(self):
        listed = wire.data(1, "t") + wire.data(3, b"\x01\x80\x02") + wire.number(3, 5)
        self.assertEqual(
            group_calls.heard(wire.numbers({1: 7, 3: 333}) + wire.data(2, listed)),
            group_calls.Standing(7, 333, frozenset({1, 256, 5})))
        joined = wire.data(1, "m") + wire.numbers({2: 7, 3: 333}) + wire.data(4, listed)
        self.assertEqual(group_calls.joined(joined).partitions, {1, 256, 5})

    def test_requests_are_encoded_as_the_schema_says(self):
        who = Identity("g", "m", 2)
        begin = b"\x0a\x01g\x12\x01m\x18\x02"
        self.assertEqual(group_calls.heartbeat(who, "t", {3, 1}), begin + b"\x22\x07\x0a\x01t\x1a\x02\x01\x03")
        self.assertEqual(group_calls.commit_offset(who, "t", {1: 9}), begin + b"\x22\x07\x0a\x01t\x18\x01\x20\x09")
        self.assertEqual(group_calls.identity(group_calls.heartbeat(who, "t", [])), who)
        self.assertEqual(group_calls.commits(group_calls.commit_offset(who, "t", {1: 9, 0: 0})), {1: 9, 0: 0})

    def test_a_description_is_read(self):
        owned = wire.data(6, wire.data(1, "t") + wire.data(3, b"\x02"))
        member = wire.data(1, "m") + wire.data(2, "i") + wire.data(3, "c") + owned
        found = group_calls.described(wire.data(1, wire.data(1, "g") + wire.number(2, 3)) + wire.data(4, member))
        self.assertEqual(found, Group(True, [Described("m", "i", "c", frozenset({2}))]))


if __name__ == "__main__":
    unittest.main()
