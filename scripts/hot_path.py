"""Measures what requests cost the broker, and compares with bounds; scripts/hot_path says what that is about."""

import argparse
import pathlib
import sys

import broker.measure
from costs import measure, sites
from costs.bounds import GOAL_ALLOCATIONS, SDK_ALLOCATIONS_PER_RECORD, failures, loose, sdk_failures, table
from costs.load import loads

SOURCES = pathlib.Path(__file__).resolve().parent.parent / "Sources"


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tailrace", required=True, type=broker.measure.program)
    parser.add_argument("--library", required=True, help="count_allocations.c, compiled")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="a directory that is empty")
    parser.add_argument("--only", choices=["allocations", "instructions"])
    parser.add_argument("--sites", choices=[load.name for load in loads()])
    parser.add_argument("--keep", type=pathlib.Path)
    return parser.parse_args(arguments)


def print_sites(options: argparse.Namespace) -> None:
    load = next(load for load in loads() if load.name == options.sites)
    stacks, base = measure.stacks(options.tailrace, options.library, options.work, load)
    print(f"Allocations of {load.name}, per request:")
    print(sites.report(stacks, base, load.requests, options.tailrace, SOURCES))


def check(options: argparse.Namespace) -> int:
    costs = {}
    if options.only != "instructions":
        costs["allocations"] = measure.allocations(options.tailrace, options.library, options.work)
    if options.only != "allocations":
        costs["instructions"] = measure.instructions(options.tailrace, options.work, options.keep)
    print(table(costs))
    if "allocations" in costs:
        print(f"The goal is {GOAL_ALLOCATIONS:g} allocations for a pipelined Produce or Fetch, and none for a record.")
    for sentence in loose(costs):
        print(sentence)
    failed = failures(costs)
    if "allocations" in costs:
        figures = measure.sdk_allocations_per_record(options.tailrace, options.library, options.work)
        for name, figure in figures.items():
            print(f"Through the Swift SDK, {figure:.2f} allocations for a record that is {name}, client and broker; the"
                  f" bound is {SDK_ALLOCATIONS_PER_RECORD[name]}.")
        failed += sdk_failures(figures)
    for sentence in failed:
        print(f"FAILED: {sentence}", file=sys.stderr)
    if failed:
        print("scripts/hot_path -h says how to find out where it is spent. The bounds are in scripts/costs/bounds.py.",
              file=sys.stderr)
    return 1 if failed else 0


def main() -> int:
    options = parse(sys.argv[1:])
    if options.sites is None:
        return check(options)
    print_sites(options)
    return 0


if __name__ == "__main__":
    sys.exit(broker.measure.main(main))
