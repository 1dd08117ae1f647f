"""Figures of a benchmark: as JSON, as a table for the terminal, as tables for a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from export.bench.measure import Timing, machine

Cell = Callable[[Timing], str]


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """One run's figures.

    Attributes:
        timings: One for each file and number of threads.
        peaks: Number of threads -> the machine's int8 peak, multiply-accumulates a second; empty
            where it was not measured.
        against: Names of files, without suffix, that the others are compared with.
    """

    timings: Sequence[Timing]
    peaks: Mapping[int, float]
    against: Sequence[str] = ()

    def share(self, timing: Timing) -> float | None:
        """A file's share of the peak with as many threads, 0 to 1."""
        peak = self.peaks.get(timing.threads)
        return timing.macs_per_s / peak if peak else None

    def times_faster(self, timing: Timing, name: str) -> float:
        """How many times faster than another file with as many threads, by the medians."""
        other = next(
            item
            for item in self.timings
            if item.file.stem == name and item.threads == timing.threads
        )
        return other.p50_ms / timing.p50_ms

    def as_json(self) -> dict[str, Any]:
        """The figures under the keys that machines read."""
        return {
            "machine": machine(),
            "int8_peak_macs_per_s": {str(n): round(peak) for n, peak in self.peaks.items()},
            "files": [self._entry(timing) for timing in self.timings],
        }

    def _entry(self, timing: Timing) -> dict[str, Any]:
        share = self.share(timing)
        held = timing.facts.get("held_out", {})
        keys = ("agreement", "accuracy", "balanced_accuracy", "accuracy_lost_points")
        return {
            "file": timing.file.name,
            "threads": timing.threads,
            "invoke_ms": {"p50": round(timing.p50_ms, 4), "p99": round(timing.p99_ms, 4)},
            "frames_per_s": round(1000.0 / timing.p50_ms, 1),
            "macs": timing.macs,
            "macs_per_s": round(timing.macs_per_s),
            "share_of_int8_peak": None if share is None else round(share, 4),
            "size_bytes": timing.facts["size_bytes"],
            "held_out": {key: held[key] for key in keys if key in held},
            "times_faster_than": {
                name: round(self.times_faster(timing, name), 2) for name in self.against
            },
        }

    def speed_columns(self) -> dict[str, Cell]:
        """Heading -> text of a cell, for how fast the files are."""
        columns: dict[str, Cell] = {
            "threads": lambda t: str(t.threads),
            "p50 ms": lambda t: f"{t.p50_ms:.3f}",
            "p99 ms": lambda t: f"{t.p99_ms:.3f}",
            "frames/s": lambda t: f"{1000 / t.p50_ms:.0f}",
            "M MACs": lambda t: f"{t.macs / 1e6:.2f}",
            "GMAC/s": lambda t: f"{t.macs_per_s / 1e9:.1f}",
        }
        if self.peaks:
            columns["of int8 peak"] = lambda t: f"{self.share(t):.0%}"
        for name in self.against:
            columns[f"x {name}"] = lambda t, name=name: f"{self.times_faster(t, name):.1f}"
        return columns


def _held(key: str, form: str) -> Cell:
    def cell(timing: Timing) -> str:
        held = timing.facts.get("held_out")
        return format(held[key], form) if held else "-"

    return cell


QUALITY_COLUMNS: dict[str, Cell] = {
    "kB": lambda t: f"{t.facts['size_bytes'] / 1000:.1f}",
    "agreement": _held("agreement", ".4f"),
    "accuracy": _held("accuracy", ".4f"),
    "balanced": _held("balanced_accuracy", ".4f"),
    "points lost": _held("accuracy_lost_points", "+.2f"),
    "largest difference": _held("largest_difference", ".3f"),
    "mean difference": _held("mean_difference", ".5f"),
    "held-out frames": _held("frames", "d"),
}
"""Heading -> text of a cell, for what the cards say of files' faithfulness."""


def text(bench: Bench) -> str:
    """The table for the terminal."""
    facts = machine()
    lines = [", ".join(facts.values())]
    for threads, peak in bench.peaks.items():
        lines.append(f"int8 peak, {threads} thread(s): {peak / 1e9:.1f} GMAC/s")
    columns = {"kB": QUALITY_COLUMNS["kB"], **bench.speed_columns()}
    rows = [["file", *columns]]
    rows += [[t.file.stem, *(cell(t) for cell in columns.values())] for t in bench.timings]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for name, *cells in rows:
        tail = "".join(f"{c:>{width + 2}}" for c, width in zip(cells, widths[1:], strict=True))
        lines.append(f"  {name:<{widths[0]}}{tail}")
    return "\n".join(lines)


def markdown(bench: Bench) -> str:
    """Two tables: what the files lost, and how fast they are."""
    first = min((timing.threads for timing in bench.timings), default=1)
    once = [timing for timing in bench.timings if timing.threads == first]
    peaks = "; ".join(f"{n} thread(s) {p / 1e9:.1f} GMAC/s" for n, p in bench.peaks.items())
    where = ", ".join(machine().values())
    return "\n\n".join(
        [
            _table(QUALITY_COLUMNS, once),
            f"{where}; int8 peak: {peaks or 'not measured'}",
            _table(bench.speed_columns(), bench.timings),
        ]
    )


def _table(columns: Mapping[str, Cell], timings: Sequence[Timing]) -> str:
    rows = [["file", *columns], ["---", *("---:" for _ in columns)]]
    rows += [[f"`{t.file.stem}`", *(cell(t) for cell in columns.values())] for t in timings]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
