"""How good a network's answers are: accuracy, balanced accuracy, confusion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from controller.frames import CLASS_NAMES


@dataclass(frozen=True, slots=True)
class Score:
    """Answers against labels.

    Attributes:
        frames: How many frames were judged.
        accuracy: Share of right answers, 0 to 1.
        balanced_accuracy: Mean over the classes present of the share of their frames that were
            answered right, 0 to 1.
        confusion: ``confusion[label][answer]`` counts frames.
    """

    frames: int
    accuracy: float
    balanced_accuracy: float
    confusion: tuple[tuple[int, ...], ...]

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Score:
        """What `as_json` gave, read back."""
        return cls(
            facts["frames"],
            facts["accuracy"],
            facts["balanced_accuracy"],
            tuple(tuple(row) for row in facts["confusion"]),
        )

    def as_json(self) -> dict[str, Any]:
        """The figures under the keys that machines read."""
        return {
            "frames": self.frames,
            "accuracy": round(self.accuracy, 6),
            "balanced_accuracy": round(self.balanced_accuracy, 6),
            "confusion": [list(row) for row in self.confusion],
        }


def score(labels: npt.NDArray[np.integer], probabilities: npt.NDArray[np.floating]) -> Score:
    """Judge probabilities against labels.

    Args:
        labels: ``(N,)`` integers 0 to 2.
        probabilities: ``(N, 3)``.
    """
    size = len(CLASS_NAMES)
    answers = probabilities.argmax(axis=1)
    confusion = np.bincount(labels.astype(np.int64) * size + answers, minlength=size * size)
    confusion = confusion.reshape(size, size)
    per_class = confusion.sum(axis=1)
    present = per_class > 0
    recall = confusion.diagonal()[present] / per_class[present]
    return Score(
        len(labels),
        float(confusion.trace() / max(1, len(labels))),
        float(recall.mean()) if present.any() else 0.0,
        tuple(tuple(int(cell) for cell in row) for row in confusion),
    )


def calibration_error(
    labels: npt.NDArray[np.integer], probabilities: npt.NDArray[np.floating], bins: int = 15
) -> float:
    """Expected calibration error: how far certainty is from being right, on average.

    Guo et al. 2017, "On Calibration of Modern Neural Networks" (arXiv:1706.04599), equation 3.

    Args:
        labels: ``(N,)`` integers 0 to 2.
        probabilities: ``(N, 3)``.
        bins: Bins of equal width over the certainty 0 to 1.

    Returns:
        0 (certainty 0.8 is right in 80 % of the cases, and so on) to 1.
    """
    certainty = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(certainty * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    gap = np.abs(
        np.bincount(place, right, minlength=bins) - np.bincount(place, certainty, minlength=bins)
    )
    return float(gap[count > 0].sum() / max(1, len(labels)))


def confusion_text(result: Score) -> str:
    """The confusion matrix as a table of text, labels down and answers across."""
    head = "label \\ answer" + "".join(f"{name:>10}" for name in CLASS_NAMES)
    lines = [head]
    for name, row in zip(CLASS_NAMES, result.confusion, strict=True):
        lines.append(f"{name:<14}" + "".join(f"{cell:>10}" for cell in row))
    return "\n".join(lines)
