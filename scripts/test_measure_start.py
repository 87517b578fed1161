"""Tests of measure_start.py."""

import contextlib
import io
import unittest

import measure_start


class MeasureStart(unittest.TestCase):
    def run_main(self, *arguments: str) -> tuple[int, str, str]:
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            status = measure_start.main(list(arguments))
        return status, output.getvalue(), errors.getvalue()

    def test_the_shortest_run_counts(self):
        status, output, _ = self.run_main("--runs", "3", "--bound-ms", "60000", "/bin/true")
        self.assertEqual(status, 0)
        self.assertIn("ms, median", output)

    def test_a_run_that_is_not_below_the_bound_fails(self):
        status, _, errors = self.run_main("--runs", "2", "--bound-ms", "0", "/bin/true")
        self.assertEqual(status, 1)
        self.assertIn("the bound is 0 ms", errors)

    def test_a_command_that_fails_or_is_not_there_is_told(self):
        self.assertIn("ended with status 1", self.run_main("--runs", "1", "/bin/false")[2])
        self.assertEqual(self.run_main("--runs", "1", "/nonexistent/command")[0], 1)


if __name__ == "__main__":
    unittest.main()
