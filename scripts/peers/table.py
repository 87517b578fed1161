"""Turns the measurements of scripts/bench-peers into its table."""

import statistics
from typing import Iterable, Optional, Sequence

from peers.workloads import Figure, Workload


def median(measurements: Iterable[dict], workload: str, server: str, key: str) -> Optional[float]:
    """Of the rounds that count; None where there is none."""
    values = [
        m[key]
        for m in measurements
        if m["workload"] == workload and m["server"] == server and not m["is_warm_up"] and key in m
    ]
    return statistics.median(values) if values else None


def shown(value: Optional[float]) -> str:
    """Three digits of small numbers, whole ones of large."""
    if value is None:
        return "failed"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def ratio(figure: Figure, ours: Optional[float], peers: Sequence[Optional[float]]) -> str:
    """Ours by the best peer's. Bold where ours is better."""
    known = [value for value in peers if value is not None]
    if ours is None or not known:
        return "–"
    best = max(known) if figure.more_is_better else min(known)
    if best == 0:
        return "–"
    is_ahead = ours > best if figure.more_is_better else ours < best
    text = f"{ours / best:.2f}"
    return f"**{text}**" if is_ahead else text


def rows(workloads: Iterable[Workload], servers: Sequence[str], measurements: Sequence[dict]) -> list[list[str]]:
    """One for each figure: what it is, its unit, each server's median, and the ratio. The first server is ours."""
    found = []
    for workload in workloads:
        for figure in workload.figures:
            values = [median(measurements, workload.name, server, figure.key) for server in servers]
            unit = figure.unit if figure.more_is_better else f"{figure.unit} (less is better)"
            found.append([workload.title, unit, *map(shown, values), ratio(figure, values[0], values[1:])])
    return found


def markdown(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Text in the first two columns, numbers in the others."""
    rule = ["---", "---"] + ["---:"] * (len(head) - 2)
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *body])
