"""Tests of the pure parts of scripts/neighbours. Run by scripts/test."""

import contextlib
import io
import unittest

import measure_neighbours
from crowd import controls, quiet, verdict
from crowd.neighbour import Kind
from crowd.quiet import Timed
from crowd.trial import Trial


class VerdictTests(unittest.TestCase):
    def figures(self, beside: list[float]) -> verdict.Figures:
        return verdict.figures("x", [100, 90, 5000], beside, [1], [0])

    def test_medians_are_compared_so_that_one_round_decides_nothing(self) -> None:
        self.assertEqual(self.figures([150, 170, 9000]).ratio, 1.7)

    def test_up_to_twice_is_ok(self) -> None:
        self.assertEqual(verdict.verdict(self.figures([200]), 0), verdict.OK)
        self.assertEqual(verdict.verdict(self.figures([201]), 0), verdict.FAILED)

    def test_more_is_told_apart_where_busy_loops_cost_as_much(self) -> None:
        self.assertEqual(verdict.verdict(self.figures([8000]), 8000), verdict.AS_BUSY_LOOPS)
        self.assertEqual(verdict.verdict(self.figures([8001]), 8000), verdict.FAILED)

    def test_twice_the_worst_control_passes_and_two_slices_always_do(self) -> None:
        self.assertEqual([verdict.most_beside(control) for control in (0, 4000, 4001)], [8000, 8000, 8002])

    def test_of_a_control_the_upper_quartile_counts(self) -> None:
        self.assertEqual(self.figures([900, 70, 80, 2000, 3000]).high_beside, 2000)
        self.assertEqual(self.figures([7, 6, 5, 4, 3, 2, 1]).high_beside, 6)
        self.assertEqual(self.figures([7]).high_beside, 7)

    def test_a_line_has_the_figures(self) -> None:
        self.assertRegex(verdict.line(self.figures([250]), "ok"), r"^x +100 us +250 us +2\.50 +1\.00, 0\.00 +ok$")

    def test_what_is_within_twice_is_counted_apart(self) -> None:
        tried = [(self.figures([700]), text) for text in (verdict.OK, verdict.AS_BUSY_LOOPS, verdict.OK, verdict.FAILED)]
        counts = "4 kinds of neighbours: 2 within 2 times, 1 as busy loops, 1 failed"
        self.assertEqual(verdict.summary(tried, 350), [counts])

    def test_what_busy_loops_did_not_cost_is_told(self) -> None:
        lines = verdict.summary([(self.figures([701]), verdict.AS_BUSY_LOOPS)], 350)
        self.assertIn("1 kinds cost more than twice what busy loops did", lines[0])

    def test_a_load_that_was_disturbed_alone_is_told(self) -> None:
        found = verdict.figures("x", [4001], [5000], [1], [0])
        self.assertIn("1 kinds say little", verdict.summary([(found, verdict.OK)], 4000)[0])

    def test_what_passes_and_why_is_told(self) -> None:
        self.assertIn("8,000 us, two slices, though twice the worst control is 200 us", verdict.rule(100))
        self.assertIn("20,000 us, twice the worst control.", verdict.rule(10_000))
        self.assertNotIn("disturbed", verdict.rule(10_000))
        self.assertIn("disturbed", verdict.rule(10_001))


class StubRounds:
    """Gives p99 beside, one after the other, alone always 100 us, and keeps how many rounds were asked for."""

    def __init__(self, *beside: float):
        self.beside = iter(beside)
        self.asked: list[int] = []

    def run(self, title: str, background: object, rounds: int, most_seconds: float) -> verdict.Figures:
        self.asked.append(rounds)
        return verdict.figures(title, [100], [next(self.beside)], [1], [0])


class TrialTests(unittest.TestCase):
    def tried(self, *beside: float) -> tuple[str, list[int]]:
        rounds = StubRounds(*beside)
        kind = Kind("x", "x", lambda: lambda port, ready: None)
        with contextlib.redirect_stdout(io.StringIO()):
            _, text = Trial(rounds, 1, most=8000, count=3).verdict(kind)
            return text, rounds.asked

    def test_what_passes_is_measured_once(self) -> None:
        self.assertEqual(self.tried(150), (verdict.OK, [3]))
        self.assertEqual(self.tried(7000), (verdict.AS_BUSY_LOOPS, [3]))

    def test_what_fails_is_measured_once_more_with_more_rounds(self) -> None:
        self.assertEqual(self.tried(9000, 150), (verdict.OK, [3, 7]))
        self.assertEqual(self.tried(9000, 30_000), (verdict.FAILED, [3, 7]))


class ControlTests(unittest.TestCase):
    def test_the_worst_of_the_controls_counts(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(controls.worst(StubRounds(3000, 5000)), 5000)
            self.assertEqual(controls.worst(StubRounds(6000, 5000)), 6000)


class PatienceTests(unittest.TestCase):
    def test_a_disturbed_measurement_is_repeated(self) -> None:
        found = iter([Timed(900, (), 0.5), Timed(70, (), 0.05)])
        patience = quiet.Patience(most_others=0.1, seconds=60, repeats=2)
        self.assertEqual(patience.undisturbed(lambda: next(found)).value, 70)
        self.assertEqual((patience.kept, patience.disturbed), (1, 0))

    def test_without_patience_what_there_is_counts_and_is_told_of(self) -> None:
        patience = quiet.Patience(most_others=0.1, seconds=0, repeats=2)
        self.assertEqual(patience.undisturbed(lambda: Timed(900, (), 0.5)).value, 900)
        self.assertEqual((patience.kept, patience.disturbed), (1, 1))

    def test_one_measurement_does_not_take_all_of_the_patience(self) -> None:
        found = iter([Timed(900, (), 0.5), Timed(800, (), 0.3), Timed(700, (), 0.4), Timed(70, (), 0)])
        patience = quiet.Patience(most_others=0.1, seconds=60, repeats=2)
        self.assertEqual(patience.undisturbed(lambda: next(found)).value, 800)


class KindTests(unittest.TestCase):
    def test_every_kind_can_be_made(self) -> None:
        for kind in measure_neighbours.KINDS.values():
            with self.subTest(kind.name):
                self.assertTrue(callable(kind.make()))


if __name__ == "__main__":
    unittest.main()
