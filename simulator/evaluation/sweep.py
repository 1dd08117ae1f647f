"""Sweeps: change one thing at a time and see where driving breaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from simulator.evaluation.evaluate import EvaluationConfig, evaluate
from simulator.evaluation.factors import find_factor


def sweep(
    config: EvaluationConfig,
    model: Path | None,
    factor: str,
    values: Sequence[float] | None = None,
    told: Callable[[float, dict[str, Any]], None] | None = None,
    jobs: int = 1,
) -> list[dict[str, Any]]:
    """Evaluate once for each value of a factor, always on the same tracks.

    Args:
        config: The tracks.
        model: The ``.tflite`` file; None for the teacher.
        factor: One of `simulator.evaluation.factors.FACTORS`.
        values: What to try; the factor's own if None.
        told: Told each value's figures as they come.
        jobs: How many processes.

    Returns:
        The figures of `evaluate` without those of each track, and the value.

    Raises:
        SimulatorUsageError: If there is no such factor.
    """
    rows = []
    for value in values or find_factor(factor).values:
        figures = evaluate(replace(config, factor=factor, value=value), model, jobs=jobs)
        del figures["per_track"]
        row = {"factor": factor, "value": value, **figures}
        if told is not None:
            told(value, row)
        rows.append(row)
    return rows
