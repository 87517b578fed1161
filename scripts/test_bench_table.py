"""Tests that bench_table.py makes of measurements what they say, and no more."""

import json
import pathlib
import tempfile
import unittest

import bench_table
from bench_table import WORKLOADS


def line(name, **members):
    zeros = dict.fromkeys(["per_second", "records_per_second", "mb_per_second", "p50_us", "p99_us", "p999_us"], 0.0)
    return {"name": name, "count": 1} | zeros | members


def number_of(name):
    return next(number for number, workload in enumerate(WORKLOADS) if workload.name == name)


class Table(unittest.TestCase):
    def row(self, name, results):
        rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in bench_table.table(results).splitlines()]
        self.assertEqual(len(rows), len(WORKLOADS) + 2)
        self.assertTrue(all(len(row) == 6 for row in rows))
        return rows[number_of(name) + 2]

    def test_figures_are_medians_of_the_rounds_and_the_ratio_is_of_those(self):
        lines = []
        for ours, reference in [(10, 40), (30, 80), (20, 60)]:
            lines += [line("rpc", per_second=ours * 1e5), line("rpc, C echo", per_second=reference * 1e5)]
        lines.append({"name": "calls/s, broker / C echo", "ratio": 9.0})
        self.assertEqual(self.row("R1", {number_of("R1"): lines})[2:5], ["2,000,000 calls/s", "6,000,000 calls/s", "0.33"])

    def test_a_workload_may_have_several_figures_and_no_reference(self):
        lines = [line("end-to-end", p50_us=99.94, p99_us=450.0, p999_us=1234.5)]
        self.assertEqual(
            self.row("E1", {number_of("E1"): lines})[2:5], ["99.9 us p50, 450 us p99, 1,234 us p99.9", "–", "–"])

    def test_a_workload_may_be_held_against_another(self):
        results = {number_of(name): [line("fetch", mb_per_second=rate), line("fetch, C sendfile", mb_per_second=500.0)]
                   for name, rate in [("F1", 200.0), ("F2", 300.0)]}
        self.assertEqual(self.row("F1", results)[2:5], ["200 MB/s", "500 MB/s", "0.40"])
        self.assertEqual(self.row("F2", results)[2:5], ["300 MB/s", "200 MB/s", "1.50"])

    def test_growth_is_held_against_the_small_one(self):
        lines = [line("produce", server_cpu_us=6.0), line("produce, 1 partition", server_cpu_us=4.0)]
        self.assertEqual(self.row("N1", {number_of("N1"): lines})[2:5],
                         ["6.0 us CPU each, 0.0 us p50, 0.0 us p99", "4.0 us CPU each, 0.0 us p50, 0.0 us p99", "1.50"])

    def test_scripts_among_the_workloads_are_there(self):
        scripts = {workload.arguments.split()[0] for workload in WORKLOADS if ".py" in workload.arguments}
        self.assertEqual(len(scripts), 3)
        for script in scripts:
            self.assertTrue(pathlib.Path(__file__).with_name(script).exists(), script)

    def test_what_failed_is_told(self):
        self.assertEqual(self.row("W3", {})[2:5], ["failed", "–", "–"])
        self.assertEqual(self.row("F2", {number_of("F2"): [line("fetch", mb_per_second=1.0)]})[2:5],
                         ["1.0 MB/s", "–", "–"])

    def test_results_are_read_by_number(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory)
            (path / "0.jsonl").write_text(json.dumps(line("rpc")) + "\n", "utf-8")
            (path / "run.jsonl").write_text("unfinished", "utf-8")
            self.assertEqual(bench_table.read(path), {0: [line("rpc")]})


if __name__ == "__main__":
    unittest.main()
