"""Tests of group_tracking.py: when a group counts as settled and caught up, and that the report notices what is lost,
changed or invented while it forgives what at-least-once allows."""

import contextlib
import io
import json
import pathlib
import random
import tempfile
import unittest

import activity_tracking as tracking
import group_tracking as groups
from test_activity_tracking import SAMPLE, Broker


def description(state="stable", members=3, lag=0, **changed):
    """What `tailrace group describe --output json` prints of a group that has read two partitions; `changed` holds for
    the second one."""
    parts = [{"topic": "page_views", "partition": p, "committed": 5, "lag": lag, "member": "m"} for p in range(2)]
    parts[1].update(changed)
    return {"state": state, "members": [{"member": "m"}] * members, "partitions": parts}


class Conditions(unittest.TestCase):
    def test_a_group_is_settled_once_all_its_members_share_all_partitions_and_these_have_offsets(self):
        self.assertTrue(groups.is_settled(description(lag=3), 3))
        for other in [
            description(state="rebalancing"),
            description(members=2),
            description(members=4),
            description(member=None),
            description(committed=None),
            {**description(), "partitions": []},
        ]:
            self.assertFalse(groups.is_settled(other, 3), other)

    def test_a_group_is_caught_up_once_no_partition_has_a_lag_whoever_is_left(self):
        self.assertTrue(groups.is_caught_up(description()))
        self.assertTrue(groups.is_caught_up(description(state="empty", members=0, member=None)))
        for other in [description(lag=1), description(lag=None, committed=None), {**description(), "partitions": []}]:
            self.assertFalse(groups.is_caught_up(other), other)


class Reporting(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = pathlib.Path(temporary.name)
        with open(SAMPLE, "rb") as log:
            tracking.split(log, self.directory)
        self.lines = [json.dumps(record) for record in Broker(self.directory).topics["page_views"]]
        self.total = len(self.lines)

    def group(self, *printed, killed=0):
        """What came of members that printed these texts; the one with that number was killed."""
        group = groups.Group("workers")
        for number, text in enumerate(printed, start=1):
            group.read(f"worker-{number}", text, killed=number == killed)
        with open(SAMPLE, "rb") as log:
            group.finish(tracking.entries(log))
        return group

    def assert_fault(self, words, *printed, killed=0):
        faults = self.group(*printed, killed=killed).faults
        self.assertTrue(any(words in fault for fault in faults), f"no {words!r} in {faults}")

    @staticmethod
    def text(lines):
        return "".join(line + "\n" for line in lines)

    def test_every_record_once_is_right_however_members_share_them(self):
        seed = random.randrange(1 << 32)
        generator = random.Random(seed)
        shares = [[], [], []]
        for line in self.lines:
            generator.choice(shares).append(line)
        group = self.group(*map(self.text, shares))
        self.assertEqual((group.faults, group.different, group.redelivered), ([], self.total, 0), f"seed {seed}")

    def test_repeats_are_counted_and_nothing_else(self):
        group = self.group(self.text(self.lines[:9]), self.text(self.lines[4:]), self.text(self.lines[7:9]), killed=1)
        self.assertEqual((group.faults, group.different, group.redelivered), ([], self.total, 7))
        self.assertEqual([member.records for member in group.members], [9, self.total - 4, 2])
        self.assertEqual([member.killed for member in group.members], [True, False, False])

    def test_what_a_killed_member_left_unfinished_does_not_count(self):
        torn = self.lines[9]
        for length in range(len(torn) + 1):
            group = self.group(self.text(self.lines[:9]) + torn[:length], self.text(self.lines[9:]), killed=1)
            self.assertEqual((group.faults, group.different, group.redelivered), ([], self.total, 0), length)

    def test_a_record_that_only_a_killed_member_had_begun_is_lost(self):
        torn = json.loads(self.lines[9])["headers"][0]["value"]
        printed = [self.text(self.lines[:9]) + self.lines[9], self.text(self.lines[10:])]
        self.assert_fault(f"line {torn} was lost", *printed, killed=1)

    def test_an_unfinished_line_of_a_member_that_lived_is_noticed(self):
        self.assert_fault("worker-1: the last line has no end", self.text(self.lines)[:-1], self.text(self.lines))

    def test_a_lost_record_is_noticed_wherever_it_was(self):
        for index, line in enumerate(self.lines):
            lost = json.loads(line)["headers"][0]["value"]
            rest = self.lines[:index] + self.lines[index + 1 :]
            self.assert_fault(f"line {lost} was lost", self.text(rest[:5]), self.text(rest))

    def test_a_repeat_that_differs_from_the_first_is_noticed(self):
        changed = {**json.loads(self.lines[0]), "key": "192.0.2.99"}
        self.assert_fault("differs from what came before", self.text(self.lines), self.text([json.dumps(changed)]))

    def test_a_record_stored_twice_is_no_repeat(self):
        again = {**json.loads(self.lines[0]), "offset": 1000}
        self.assert_fault("came back before", self.text(self.lines), self.text([json.dumps(again)]))

    def test_what_is_no_record_is_noticed_with_its_place(self):
        self.assert_fault("worker-2: line 2 is not a record", self.text(self.lines), self.lines[0] + "\n{}garbage\n")

    def test_members_that_did_nothing_are_shown(self):
        shown = list(groups.table(self.group("", self.text(self.lines), killed=1)))
        self.assertIn("worker-1      0 records, of partitions none; killed half-way", shown[1])
        self.assertIn(f"together {self.total} different ones, and 0 that were redelivered", shown[-1])

    def report(self, *members):
        """The status and output of `report`, for analytics with these members' texts."""
        (self.directory / "analytics").mkdir()
        for number, text in enumerate(members, start=1):
            path = self.directory / "analytics" / f"analyst-{number}.jsonl"
            path.write_text(text, encoding="utf-8", newline="\n")
        arguments = groups.parser().parse_args(["report", str(SAMPLE), str(self.directory), "analytics"])
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as errors:
            status = arguments.run(arguments)
        return status, out.getvalue() + errors.getvalue()

    def test_the_report_succeeds_where_all_is_there(self):
        status, shown = self.report(self.text(self.lines[:9]), self.text(self.lines[9:]))
        self.assertEqual(status, 0)
        self.assertIn(f"each group got all {self.total} page views", shown)

    def test_the_report_fails_where_something_is_missing(self):
        status, shown = self.report(self.text(self.lines[1:]))
        self.assertEqual(status, 1)
        self.assertRegex(shown, r"FAULT group analytics: line \d+ was lost")

    def test_the_report_fails_where_a_group_printed_nothing(self):
        self.assertEqual(self.report()[0], 1)


if __name__ == "__main__":
    unittest.main()
