"""Tests of activity_tracking.py: what the parser makes of lines, and that the verifier notices every kind of damage."""

import base64
import io
import json
import pathlib
import random
import tempfile
import unittest
import zlib

import activity_tracking as tracking

SAMPLE = pathlib.Path(__file__).with_name("sample-access.log")


def line(request=b"GET / HTTP/1.1", status=200, visitor=b"192.0.2.1", agent=b"test"):
    return b'%s - - [12/Mar/2024:09:14:02 +0000] "%s" %d 512 "-" "%s"' % (visitor, request, status, agent)


class Parsing(unittest.TestCase):
    def topic(self, text):
        return tracking.parse(1, text).topic

    def test_the_status_decides_before_the_path(self):
        self.assertEqual(self.topic(line(b"GET /a.css HTTP/1.1", 399)), "asset_requests")
        self.assertEqual(self.topic(line(b"GET /a.css HTTP/1.1", 400)), "errors")
        self.assertEqual(self.topic(line(b"GET / HTTP/1.1", 500)), "errors")

    def test_assets_are_told_by_suffix_name_or_feed_parameter(self):
        assets = b"/a.css /A.PNG /x.js?v=1 /robots.txt /blog/feed/ /?flav=rss20 /?a=1&feed=atom".split()
        pages = b"/ /css /css.d/a /index.html /?q=a.css /feeds /?unfeed=rss *".split()
        for target in assets + pages:
            expected = "asset_requests" if target in assets else "page_views"
            self.assertEqual(self.topic(line(b"GET " + target + b" HTTP/1.1")), expected, target)

    def test_visitor_and_page_are_taken_from_the_line(self):
        entry = tracking.parse(7, line(b"GET /a/b?c=d HTTP/1.1", visitor=b"2001:db8::1"))
        self.assertEqual((entry.number, entry.visitor, entry.page), (7, b"2001:db8::1", b"/a/b"))

    def test_odd_lines_in_the_format_are_parsed(self):
        for text in [
            line(agent=b""),
            line(agent=b'say \\"hi\\"'),
            line(b"GET /caf\xe9 HTTP/1.0"),
            line(b"GET /"),
            line() + b"\r",
            line().replace(b"- - [", b"- jane doe ["),
            line().replace(b" 512 ", b" - "),
        ]:
            self.assertEqual(self.topic(text), "page_views", text)
        self.assertEqual(self.topic(line(b"-", 408)), "errors")

    def test_lines_outside_the_format_are_unparsed_and_have_no_visitor(self):
        no_requests = [line(b"-"), line(b""), line(b"GET")]
        for text in [b"", b" ", b"hello", b"\x00\xff" * 9, line()[:-1], line() + b" x", *no_requests]:
            entry = tracking.parse(1, text)
            self.assertEqual((entry.topic, entry.visitor, entry.line), ("unparsed", b"", text))

    def test_only_line_feeds_end_lines_and_the_last_may_lack_it(self):
        found = list(tracking.entries(io.BytesIO(b"a\rb\x0bc\xe2\x80\xa8d\n\ne")))
        self.assertEqual([(e.number, e.line) for e in found], [(1, b"a\rb\x0bc\xe2\x80\xa8d"), (2, b""), (3, b"e")])


class Broker:
    """Stands in for a broker: partitions by key, offsets per partition, the tool's JSON in and out."""

    def __init__(self, directory):
        self.topics = {}
        for topic in tracking.TOPICS:
            ends, records = [0] * 4, []
            for text in (directory / f"{topic}.jsonl").read_text("utf-8").removesuffix("\n").split("\n"):
                if text:
                    record = json.loads(text)
                    partition = zlib.crc32(record["key"].encode()) % 4
                    records.append(
                        {"topic": topic, "partition": partition, "offset": ends[partition], "timestamp": 0, **record}
                    )
                    ends[partition] += 1
            self.topics[topic] = records

    def where(self, topic, number):
        """The record of a line of the log."""
        return next(r for r in self.topics[topic] if r["headers"][0]["value"] == str(number))


class Verifying(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        with open(SAMPLE, "rb") as log:
            tracking.split(log, pathlib.Path(temporary.name))
        self.broker = Broker(pathlib.Path(temporary.name))
        self.lines = SAMPLE.read_bytes().removesuffix(b"\n").split(b"\n")
        self.views = self.broker.topics["page_views"]

    def verify(self):
        with open(SAMPLE, "rb") as log:
            verifier = tracking.Verifier(tracking.entries(log))
        for topic, records in self.broker.topics.items():
            verifier.read(topic, [json.dumps(r) + "\n" for r in records])
        verifier.finish()
        return verifier

    def assert_fault(self, words):
        faults = self.verify().faults
        self.assertTrue(any(words in fault for fault in faults), f"no {words!r} in {faults}")

    def two_of_one_visitor(self):
        """Two page views of one visitor, which lie in one partition."""
        for first in self.views:
            for second in self.views:
                if first["key"] == second["key"] and first["offset"] < second["offset"]:
                    return first, second
        self.fail("the sample has no visitor with two page views")

    def test_the_sample_has_what_the_rules_are_about(self):
        self.assertTrue(all(self.broker.topics[topic] for topic in tracking.TOPICS))
        self.assertLess(len(set(self.lines)), len(self.lines), "no repeated line")
        self.assertTrue(any("value_base64" in r for r in self.views), "no line that is not UTF-8")
        self.assertTrue(any(text.endswith(b'""') for text in self.lines), "no empty user agent")

    def test_what_was_published_verifies_in_whatever_order_partitions_are_read(self):
        self.assertEqual(self.verify().faults, [])
        seed = random.randrange(1 << 32)
        for records in self.broker.topics.values():
            random.Random(seed).shuffle(records)
        verifier = self.verify()
        self.assertEqual(verifier.faults, [], f"seed {seed}")
        self.assertEqual(len(verifier.seen), len(self.lines))

    def test_a_lost_line_is_noticed_wherever_it_was(self):
        for topic, records in self.broker.topics.items():
            for index in range(len(records)):
                lost = records.pop(index)
                self.assert_fault(f"line {lost['headers'][0]['value']} was lost")
                records.insert(index, lost)
        self.assertEqual(self.verify().faults, [])

    def test_a_repeated_line_is_noticed(self):
        self.views.append({**self.views[0], "offset": 1000})
        self.assert_fault("came back before")

    def test_a_repeated_line_of_the_log_must_come_back_twice(self):
        number = next(n for n, text in enumerate(self.lines, 1) if self.lines.count(text) == 2)
        assets = self.broker.topics["asset_requests"]
        assets.remove(self.broker.where("asset_requests", number))
        self.assert_fault(f"line {number} was lost")

    def test_reordered_lines_of_a_visitor_are_noticed(self):
        first, second = self.two_of_one_visitor()
        first["offset"], second["offset"] = second["offset"], first["offset"]
        self.assert_fault("have the offsets")

    def test_a_visitor_in_two_partitions_is_noticed(self):
        _, second = self.two_of_one_visitor()
        second["partition"], second["offset"] = (second["partition"] + 1) % 4, 1000
        self.assert_fault("are in partitions")

    def test_a_changed_byte_is_noticed_in_every_record(self):
        for topic, records in self.broker.topics.items():
            for record in records:
                name = "value" if "value" in record else "value_base64"
                before = record[name]
                value = bytearray(before.encode() if name == "value" else base64.b64decode(before))
                value[len(value) // 2] ^= 1
                record[name] = value.decode() if name == "value" else base64.b64encode(value).decode()
                self.assert_fault("has the value")
                record[name] = before

    def test_a_changed_or_absent_key_or_value_is_noticed(self):
        for name, broken in [("key", "192.0.2.99"), ("key", ""), ("key", None), ("value", ""), ("value", None)]:
            before = self.views[0][name]
            self.views[0][name] = broken
            self.assert_fault(f"has the {name}")
            self.views[0][name] = before
        self.broker.topics["unparsed"][0]["key"] = None
        self.assert_fault("has the key None instead of b''")

    def test_lines_that_are_not_in_the_log_are_noticed(self):
        self.views.append({**self.views[0], "offset": 1000, "headers": [{"key": "line", "value": "61"}]})
        self.assert_fault("line 61 is not in the log")

    def test_a_line_in_the_wrong_topic_is_noticed(self):
        self.broker.topics["errors"].append({**self.views.pop(), "topic": "errors", "partition": 9, "offset": 0})
        self.assert_fault("belongs to page_views")

    def test_a_record_that_names_another_topic_is_noticed(self):
        self.views[0]["topic"] = "errors"
        self.assert_fault("says that it is of topic 'errors'")

    def test_a_gap_and_a_repetition_of_offsets_are_noticed(self):
        for change in (1, -1):
            for record in self.views:
                record["offset"] += change if record["offset"] else 0
            self.assert_fault("the offsets are not 0 to")
            for record in self.views:
                record["offset"] -= change if record["offset"] else 0

    def test_what_is_no_record_is_noticed(self):
        for broken in [
            {**self.views[0], "headers": []},
            {**self.views[0], "headers": [{"key": "line", "value": "0"}]},
            {**self.views[0], "headers": self.views[0]["headers"] * 2},
            {**self.views[0], "offset": -1},
            {**self.views[0], "partition": None},
            {**self.views[0], "value_base64": "Zm9v"},
            {"key": "a"},
            [],
            None,
        ]:
            self.views.append(broken)
            self.assert_fault("of what came back")
            self.views.pop()

    def test_the_table_shows_nothing_that_a_terminal_would_act_on(self):
        self.assertEqual(tracking.printable(b"/\x1b[31mred\x07\xff\n", 40), "/?[31mred?\ufffd?")
        self.assertEqual(len(tracking.printable(b"x" * 100, 40)), 40)
        shown = "\n".join(tracking.table(self.verify()))
        self.assertIn("page_views: records 23, visitors", shown)
        self.assertIn("/articles/mill-streams/", shown)


if __name__ == "__main__":
    unittest.main()
