"""Figures of a drive while it goes on: how long each stage takes, how old frames are."""

from __future__ import annotations

from collections import Counter

import numpy as np

from controller.loop import STAGES, Cycle

_KEPT = 1 << 16
"""Cycles whose times are kept: the newest half hour at 30 Hz, in half a MiB a column."""


class Statistics:
    """A sink of the loop that counts commands and stops and keeps times, in bounded memory."""

    def __init__(self) -> None:
        self._stages_ns = np.zeros((_KEPT, len(STAGES)), np.int64)
        self._ages_ns = np.zeros(_KEPT, np.int64)
        self.frames = 0
        """Frames that were decided on."""
        self.commands: Counter[str] = Counter()
        """Commands by name."""
        self.stops: Counter[str] = Counter()
        """Cycles that sent STOP, by reason."""
        self.unsent = 0
        """Commands that the link dropped."""

    def __call__(self, cycle: Cycle) -> None:
        """Count one cycle."""
        self.unsent += cycle.sequence == 0
        self.commands[cycle.decision.command.name] += 1
        if cycle.decision.command.name == "STOP":
            self.stops[cycle.decision.reason.value] += 1
        if cycle.frame is not None:
            row = self.frames % _KEPT
            self._stages_ns[row] = cycle.stages_ns
            self._ages_ns[row] = cycle.age_ns
            self.frames += 1

    def stage_ms(self, stage: str, percentile: float) -> float:
        """A percentile of one of `controller.loop.STAGES`, in ms; 0 without frames."""
        column = self._stages_ns[: min(self.frames, _KEPT), STAGES.index(stage)]
        return _percentile_ms(column, percentile)

    def overhead_ms(self, percentile: float) -> float:
        """A percentile of everything between frame and command but the model, in ms."""
        rows = self._stages_ns[: min(self.frames, _KEPT)]
        columns = [STAGES.index(stage) for stage in ("fit", "decide", "send")]
        return _percentile_ms(rows[:, columns].sum(axis=1), percentile)

    def age_ms(self, percentile: float) -> float:
        """A percentile of the frame's age when its command had left, in ms; 0 without frames."""
        return _percentile_ms(self._ages_ns[: min(self.frames, _KEPT)], percentile)

    def table(self) -> str:
        """The stages and the frame age as text, one a line."""
        lines = [f"{'':14}{'p50 ms':>10}{'p99 ms':>10}"]
        for stage in STAGES[1:]:
            p50, p99 = self.stage_ms(stage, 50), self.stage_ms(stage, 99)
            lines.append(f"{stage:14}{p50:10.3f}{p99:10.3f}")
        lines.append(f"{'frame age':14}{self.age_ms(50):10.3f}{self.age_ms(99):10.3f}")
        return "\n".join(lines)


def _percentile_ms(values_ns: np.ndarray[tuple[int], np.dtype[np.int64]], q: float) -> float:
    return float(np.percentile(values_ns, q)) / 1e6 if len(values_ns) else 0.0
