"""Tests of hot_path that need no broker: its bounds, its counters, and what it takes for an answer."""

import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import unittest

from broker import wire
from broker.client import Connection
from broker.process import Failure
from costs import bounds, measure, sites
from costs.counters import Counters
from costs.load import FIRST_CALL, loads, run

SCRIPTS = pathlib.Path(__file__).parent
COMPILER = shutil.which("gcc") or shutil.which("clang")
LOADS = {load.name: load for load in loads()}


class Bounds(unittest.TestCase):
    def test_every_load_has_a_bound(self):
        self.assertEqual(list(bounds.BOUNDS), list(LOADS))
        for one, many, more in bounds.PER_RECORD.values():
            self.assertEqual(LOADS[many].records - LOADS[one].records, more)

    def test_a_figure_may_be_its_bound_and_not_more(self):
        bound = bounds.BOUNDS["produce-1"]
        at = {"allocations": {"produce-1": bound.allocations}, "instructions": {"produce-1": bound.instructions}}
        self.assertEqual(bounds.failures(at), [])
        above = {kind: {"produce-1": figures["produce-1"] + 0.5} for kind, figures in at.items()}
        found = bounds.failures(above)
        self.assertEqual([sentence.split(":")[0] for sentence in found], ["produce-1"] * 2)
        self.assertIn("instructions per request; the bound is", found[1])

    def test_allocations_for_each_record_are_told(self):
        costs = {"allocations": {"produce-1-alone": 0.0, "produce-64k-alone": 619 * 0.02}}
        self.assertAlmostEqual(bounds.per_record(costs)["produce"], 0.02)
        self.assertIn("produce: 0.0200 allocations per record; the bound is 0.01", bounds.failures(costs))

    def test_a_bound_far_above_the_figure_is_told(self):
        bound = bounds.BOUNDS["fetch-1"]
        self.assertEqual(bounds.loose({"instructions": {"fetch-1": bound.instructions * 0.9}}), [])
        self.assertEqual(len(bounds.loose({"instructions": {"fetch-1": bound.instructions / 2}})), 1)

    def test_a_record_through_the_sdk_has_a_bound_and_must_be_counted(self):
        within = dict(bounds.SDK_ALLOCATIONS_PER_RECORD)
        self.assertEqual(bounds.sdk_failures(within), [])
        self.assertEqual(len(bounds.sdk_failures({**within, "consumed": within["consumed"] + 0.1})), 1)
        self.assertEqual(len(bounds.sdk_failures({**within, "consumed": 0})), 1)
        self.assertEqual(len(bounds.sdk_failures({})), len(within))

    def test_the_table_has_a_line_for_each_load_and_says_what_was_not_measured(self):
        lines = bounds.table({"allocations": {"ping": 0.047}, "instructions": {}}).splitlines()
        self.assertEqual(len(lines), 1 + len(LOADS))
        self.assertEqual(lines[1].split()[:2], ["ping", "0.05"])
        self.assertEqual(lines[1].split()[3], "-")


class Sites(unittest.TestCase):
    def test_a_site_is_what_calls_the_runtime_and_the_repository_above_it(self):
        frames = [sites.Frame("swift_allocObject", "", 0), sites.Frame("Array.append(_:)", "<compiler-generated>", 0),
                  sites.Frame("Plan.add(_:)", "Plan.swift", 7), sites.Frame("run()", "NIO.swift", 1),
                  sites.Frame("Handler.handle()", "Handler.swift", 9)]
        self.assertEqual(sites.site(frames, {"Plan.swift", "Handler.swift"}),
                         "Array.append(_:) <- Plan.add(_:) Plan.swift:7 <- Handler.handle() Handler.swift:9")
        self.assertEqual(sites.site(frames[:1], set()), "swift_allocObject")


class Answers(unittest.TestCase):
    """Against a server that answers all frames alike."""

    def served(self, header, message, load):
        """Runs a load; returns how many requests came."""
        answer = wire.frame(header, message)
        calls = []

        def serve():
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as stream:
                connection.sendall(stream.read(8))
                while len(prefix := stream.read(4)) == 4:
                    calls.append(stream.read(struct.unpack(">I", prefix)[0]))
                    connection.sendall(answer)

        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = threading.Thread(target=serve)
            server.start()
            try:
                with Connection(listener.getsockname()[1]) as connection:
                    run(connection, load)
            finally:
                server.join()
        return len(calls)

    def test_exactly_as_many_requests_are_sent_as_were_meant(self):
        for name in ("ping", "ping-alone"):
            self.assertEqual(self.served(wire.number(1, FIRST_CALL), b"", LOADS[name]), LOADS[name].requests)

    def test_an_answer_that_is_not_the_expected_one_ends_the_load(self):
        fine = wire.number(1, FIRST_CALL)
        failed = fine + wire.data(2, wire.number(1, 8) + wire.data(2, b"busy"))
        for header, message, load, words in [
            (failed, b"", "ping-alone", "busy"),
            (fine, b"x", "ping-alone", "1 bytes"),
            (fine, b"", "produce-1-alone", "produce-1-alone: LogService/Produce"),
            (fine, wire.data(1, wire.data(15, b"") * 2), "fetch-1-alone", "2 batches; 1 were expected"),
        ]:
            with self.assertRaisesRegex(Failure, words):
                self.served(header, message, LOADS[load])


PROGRAM = r"""
#include <stdlib.h>
int main(int count, char **words) {
  void *block;
  for (int i = 0; i < atoi(words[1]); i++) {
    free(malloc(10)), free(calloc(2, 5)), free(realloc(malloc(10), 10)), free(aligned_alloc(64, 64));
    if (posix_memalign(&block, 64, 10)) return 1;
    free(block);
  }
  return count != 2 || posix_memalign(&block, 3, 10) == 0;
}
"""


@unittest.skipUnless(COMPILER, "there is no C compiler")
class Allocations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.work = pathlib.Path(temporary.name)
        source = cls.work / "program.c"
        source.write_text(PROGRAM, "utf-8")
        cls.library, cls.program = cls.work / "library.so", cls.work / "program"
        library = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", SCRIPTS / "costs/count_allocations.c"]
        subprocess.run([COMPILER, *library, "-o", cls.library], check=True)
        subprocess.run([COMPILER, "-O0", "-fno-builtin", source, "-o", cls.program], check=True)

    def counted(self, times, is_recording=False):
        counters = Counters(self.work / "counters")
        counters.record(is_recording)
        environment = {**os.environ, "LD_PRELOAD": str(self.library), "HOT_PATH_COUNTERS": str(self.work / "counters")}
        subprocess.run([self.program, str(times)], check=True, env=environment)
        return counters

    def test_every_way_to_allocate_is_counted_with_its_bytes(self):
        (calls, size), (more_calls, more_size) = (self.counted(times).read() for times in (100, 200))
        self.assertEqual((more_calls - calls, more_size - size), (100 * 6, 100 * (5 * 10 + 64)))

    def test_stacks_are_recorded_where_they_are_asked_for(self):
        self.assertEqual(self.counted(5).stacks().total(), 0)
        counters = self.counted(5, is_recording=True)
        self.assertEqual(counters.stacks().total(), counters.read()[0])
        often = [stack for stack, count in counters.stacks().items() if count == 5]
        self.assertEqual(sorted(size for size, _ in often), [10, 10, 10, 10, 10, 64])
        self.assertTrue(all(len(frames) >= 1 for _, frames in often))

    def test_a_file_that_cannot_be_mapped_ends_the_program(self):
        environment = {**os.environ, "LD_PRELOAD": str(self.library), "HOT_PATH_COUNTERS": str(self.work / "none")}
        done = subprocess.run([self.program, "1"], env=environment, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (1, f"count_allocations: cannot use {self.work / 'none'}\n"))


class Profile(unittest.TestCase):
    def test_the_instructions_of_a_profile_are_its_totals(self):
        self.assertEqual(measure.TOTALS.search("fn=(1) f\n1 2\n\ntotals: 1234\n")[1], "1234")


if __name__ == "__main__":
    unittest.main()
