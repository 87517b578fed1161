"""Tests of the pure parts of scripts/neighbours. Run by scripts/test."""

import unittest

import measure_neighbours
from crowd import quiet, verdict
from crowd.quiet import Timed


class VerdictTests(unittest.TestCase):
    def figures(self, beside: list[float]) -> verdict.Figures:
        return verdict.figures("x", [100, 90, 5000], beside, [1], [0])

    def test_medians_are_compared_so_that_one_round_decides_nothing(self) -> None:
        self.assertEqual(self.figures([150, 170, 9000]).ratio, 1.7)

    def test_up_to_twice_is_accepted(self) -> None:
        self.assertEqual(verdict.verdict(self.figures([200]), 0), "ok")
        self.assertEqual(verdict.verdict(self.figures([201]), 0), verdict.FAILED)

    def test_more_is_accepted_where_the_machine_alone_costs_as_much(self) -> None:
        self.assertEqual(verdict.verdict(self.figures([600]), 300), "ok, cores shared")
        self.assertEqual(verdict.verdict(self.figures([601]), 300), verdict.FAILED)

    def test_of_a_control_the_lower_quartile_counts(self) -> None:
        self.assertEqual(self.figures([900, 70, 80, 2000, 3000]).least_beside, 80)

    def test_a_line_has_the_figures(self) -> None:
        self.assertRegex(verdict.line(self.figures([250]), "ok"), r"^x +100 us +250 us +2\.50 +1\.00, 0\.00 +ok$")


class PatienceTests(unittest.TestCase):
    def test_a_disturbed_measurement_is_repeated(self) -> None:
        found = iter([Timed(900, (), 0.5), Timed(70, (), 0.05)])
        patience = quiet.Patience(most_others=0.1, seconds=60)
        self.assertEqual(patience.undisturbed(lambda: next(found)).value, 70)
        self.assertEqual((patience.kept, patience.disturbed), (1, 0))

    def test_without_patience_what_there_is_counts_and_is_told_of(self) -> None:
        patience = quiet.Patience(most_others=0.1, seconds=0)
        self.assertEqual(patience.undisturbed(lambda: Timed(900, (), 0.5)).value, 900)
        self.assertEqual((patience.kept, patience.disturbed), (1, 1))


class KindTests(unittest.TestCase):
    def test_every_kind_can_be_made(self) -> None:
        for kind in measure_neighbours.KINDS.values():
            with self.subTest(kind.name):
                self.assertTrue(callable(kind.make()))


if __name__ == "__main__":
    unittest.main()
