"""Tests of what consumer groups are measured with: a member's side, many calls at once, and the closed loop."""

import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

import bench_groups
from broker import calls, closed_loop, group_calls, heartbeats, wire
from broker.group_calls import Standing
from broker.group_members import Group, Ownership
from broker.process import Failure
from broker.responses import BrokerError


def response(call, message=b"", error=None):
    status = b"" if error is None else wire.data(2, wire.number(1, 5) + wire.data(2, error))
    return wire.frame(wire.number(1, call) + status + wire.number(3, 1), message)


def told(epoch, *partitions):
    return Standing(epoch, 5000, frozenset(partitions))


class Recorder:
    """Calls that are made, and not sent anywhere."""

    def __init__(self, connections=1):
        self.channels = [calls.Channel(None) for _ in range(connections)]
        self.made = []

    def call(self, channel, method, message, answered):
        self.made.append((method, message, answered))

    def reserve(self, channel):
        return 1


class Members(unittest.TestCase):
    def group(self, partitions, members):
        return Group(Recorder(2), "g", "t", partitions, members)

    def test_members_are_balanced_once_everything_is_owned_and_shares_are_even(self):
        group = self.group(5, 2)
        first, second = group.members
        group.believe(first, told(1, 0, 1, 2, 3, 4))
        self.assertFalse(group.is_balanced)
        group.believe(second, told(2))
        group.believe(first, told(1, 0, 1))
        self.assertFalse(group.is_balanced)
        group.believe(second, told(3, 2, 3))
        self.assertFalse(group.is_balanced)
        group.believe(second, told(4, 2, 3, 4))
        self.assertTrue(group.is_balanced)
        self.assertEqual(group.ownership.given_up, 3)

    def test_a_member_that_has_not_joined_is_not_balanced_even_where_it_need_own_nothing(self):
        group = self.group(1, 2)
        group.believe(group.members[0], told(1, 0))
        self.assertFalse(group.is_balanced)
        group.believe(group.members[1], told(2))
        self.assertTrue(group.is_balanced)

    def test_no_partition_has_two_owners(self):
        group = self.group(2, 2)
        group.believe(group.members[0], told(1, 0, 1))
        with self.assertRaisesRegex(Failure, "partition 1 was given to member-00001, and member-00000 has it"):
            group.believe(group.members[1], told(2, 1))

    def test_what_a_member_that_left_had_is_free(self):
        group = self.group(2, 2)
        for place, member in enumerate(group.members):
            group.believe(member, told(1, place))
        group.leave(group.members[0])
        self.assertFalse(group.is_balanced)
        group.believe(group.members[1], told(3, 0, 1))
        self.assertTrue(group.is_balanced)
        self.assertEqual(group.ownership.given_up, 1)

    def test_an_answer_is_confirmed_with_the_next_heartbeat(self):
        group = self.group(2, 1)
        group.join()
        method, _, answered = group.calls.made.pop()
        self.assertEqual(method, group_calls.JOIN_GROUP)
        assignment = wire.data(4, wire.data(1, "t") + wire.data(3, b"\0\1"))
        answered(wire.Answer(1, None, wire.number(2, 7) + wire.number(3, 5000) + assignment))
        method, message, answered = group.calls.made.pop()
        found = dict(wire.fields(message))
        self.assertEqual((method, found[3], found[5]), (group_calls.HEARTBEAT, 7, 60_000))
        self.assertEqual(dict(wire.fields(found[4])), {1: b"t", 3: b"\0\1"})
        answered(wire.Answer(2, None, wire.number(1, 8) + wire.data(2, wire.data(1, "t") + wire.data(3, b"\1"))))
        found = dict(wire.fields(group.calls.made.pop()[1]))
        self.assertEqual((found[3], dict(wire.fields(found[4]))[3]), (8, b"\1"))
        with self.assertRaisesRegex(BrokerError, "member-00000 of g: fenced"):
            answered(wire.Answer(3, "fenced", b""))

    def test_who_left_does_not_hear_anything_any_more(self):
        group = self.group(2, 2)
        group.join()
        answered = group.calls.made[0][2]
        group.leave(group.members[0])
        answered(wire.Answer(1, "no such member", b""))
        self.assertEqual(group.members[0].owned, frozenset())

    def test_ownership_counts_what_is_free(self):
        ownership = Ownership(3)
        ownership.change("a", frozenset(), frozenset([0, 2]))
        self.assertEqual(ownership.free, 1)
        ownership.change("a", frozenset([0, 2]), frozenset([1]))
        self.assertEqual((ownership.free, ownership.given_up, ownership.owners), (2, 2, [None, "a", None]))


class Beats(unittest.TestCase):
    def test_a_heartbeat_that_is_answered_with_news_is_told(self):
        group = Group(Recorder(), "g", "t", 1, 1)
        group.believe(group.members[0], told(3, 0))
        beat = heartbeats.Beat(group.calls, group, group.members[0], 0)
        assignment = wire.data(2, wire.data(1, "t") + wire.data(3, b"\0"))
        for _ in range(2):
            beat.check(wire.Answer(1, None, wire.number(1, 3) + assignment))
        for answer in [wire.Answer(1, None, wire.number(1, 4) + assignment), wire.Answer(1, None, wire.number(1, 3)),
                       wire.Answer(1, "fenced", b"")]:
            with self.assertRaisesRegex(Failure, "heartbeat of member-00000"):
                beat.check(answer)


class Server:
    """Takes one connection after another, and answers each call with what `answers` makes of it."""

    def __init__(self, answers):
        self.answers = answers
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = []
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as stream:
            connection.sendall(stream.read(8))
            while len(head := stream.read(6)) == 6:
                length, header_length = struct.unpack(">IH", head)
                call = dict(wire.fields(stream.read(header_length)))[1]
                content = self.answers(call, stream.read(length - 2 - header_length))
                if not content:
                    return
                connection.sendall(content)


class ManyCalls(unittest.TestCase):
    def test_each_answer_goes_to_its_call_whichever_connection_it_is_of(self):
        found = {}
        with Server(lambda call, message: response(call, message[::-1])) as server, \
                calls.Calls(server.port, 3) as many:
            for channel in many.channels:
                # The kernel does not take everything at once.
                channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
            for number in range(300):
                message = str(number).encode() * (number * 50)
                many.call(many.channels[number % 3], "M", message, lambda answer, number=number: found.update(
                    {number: answer.message}))
            self.assertTrue(many.run(lambda: len(found) == 300, time.monotonic() + 10))
        self.assertEqual(found, {number: (str(number).encode() * (number * 50))[::-1] for number in range(300)})

    def test_what_is_due_is_done_in_its_order_and_a_deadline_ends_it(self):
        done = []
        with Server(response) as server, calls.Calls(server.port, 1) as many:
            now = time.monotonic()
            for place in (2, 0, 1, 5000):
                many.later(now + place / 1000, lambda place=place: done.append(place))
            self.assertFalse(many.run(lambda: False, now + 0.05))
        self.assertEqual(done, [0, 1, 2])

    def test_a_closed_connection_and_an_answer_to_nothing_end_it(self):
        for answers, words in [(lambda call, _: b"", "closed"), (lambda call, _: response(call + 1), "not made")]:
            with Server(answers) as server, calls.Calls(server.port, 1) as many:
                many.call(many.channels[0], "M", b"", lambda answer: None)
                with self.assertRaisesRegex(BrokerError, words):
                    many.run(lambda: False, time.monotonic() + 10)


class ClosedLoop(unittest.TestCase):
    def loop(self, server, connections, depth):
        return closed_loop.Loop(
            server.port, connections, depth, "M", lambda place: str(place).encode(), bench_groups.check_one_stored)

    def test_each_call_is_made_again_once_it_is_answered(self):
        seen = []

        def answers(call, message):
            seen.append(int(message))
            return response(call, bench_groups.ONE_STORED)

        with Server(answers) as server, self.loop(server, 3, 2) as loop:
            outcome = loop.run(0.1)
        self.assertEqual(outcome.count, len(seen))
        self.assertEqual(outcome.counts, [seen.count(place) for place in range(6)])
        self.assertTrue(all(outcome.counts))
        self.assertEqual(outcome.latencies_us, sorted(outcome.latencies_us))

    def test_a_refusal_of_the_call_or_of_its_offset_ends_it(self):
        refused = wire.data(1, wire.data(1, wire.number(1, 2) + wire.data(2, "no such topic")))
        for answers, words in [
            (lambda call, _: response(call, b"", "no such group"), "no such group"),
            (lambda call, _: response(call, refused), "no such topic"),
            (lambda call, _: response(call, b""), "0 outcomes for 1"),
            (lambda call, _: response(call + 9, b""), "call 10, which was not made"),
            (lambda call, _: b"", "closed"),
        ]:
            with Server(answers) as server, self.loop(server, 1, 1) as loop:
                with self.assertRaisesRegex(BrokerError, words):
                    loop.run(5)


class Options(unittest.TestCase):
    def test_bad_sizes_are_told_in_a_line(self):
        script = str(pathlib.Path(__file__).with_name("bench_groups.py"))
        good = ["--tailrace", "true", "--directory", tempfile.gettempdir()]
        for words, told in [
            (["storm", "--members", "5001", "--partitions", "1"], "'5001' is no number of 1 to 5,000"),
            (["commits", "--connections", "1", "--depth", "0"], "'0' is no number of 1 to 1,000"),
            (["start", "--groups", "1", "--partitions", "1"], "--times"),
        ]:
            done = subprocess.run([sys.executable, script, *words, *good], capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(told, done.stderr.splitlines()[-1])

    def test_quick_is_a_tenth_of_everything(self):
        words = ["bench_groups.py", "heartbeats", "--groups", "2", "--members", "5000", "--quick", "--tailrace", "true",
                 "--directory", tempfile.gettempdir()]
        with mock.patch.object(sys, "argv", words):
            options = bench_groups.parse_arguments()
        self.assertEqual((options.groups, options.members, options.rounds), (1, 500, 5))


class Log(unittest.TestCase):
    def test_only_the_log_of_commits_is_measured(self):
        with tempfile.TemporaryDirectory() as name:
            for path, size in [("__offsets@02/0/1.log", 5), ("__offsets@02/0/2.log", 7), ("__offsets@02/0/2.index", 9),
                               ("work@03/0/1.log", 11)]:
                file = pathlib.Path(name, "data", "topics", path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(bytes(size))
            self.assertEqual(bench_groups.log_bytes(pathlib.Path(name)), 12)


if __name__ == "__main__":
    unittest.main()
