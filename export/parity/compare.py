"""What a conversion lost: the file as the car runs it, against Keras, on the same frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from controller.model.pilot import TflitePilot
from training.data.pool import Pool
from training.report.metrics import Score, calibration_error, score

LEAST_AGREEMENT = 0.99
MOST_POINTS_LOST = 0.5
"""DESIGN.md, "Numbers to reach": int8 against float on held-out drives."""


@dataclass(frozen=True, slots=True)
class Parity:
    """A file against the network that it came from.

    Attributes:
        tflite: Figures of the file.
        keras: Figures of the network.
        agreement: Share of frames with the same answer, 0 to 1.
        largest_difference: Largest difference of any probability.
        mean_difference: Mean difference of probabilities.
        changes: ``changes[answer of Keras][answer of the file]`` counts frames.
        tflite_calibration_error: Expected calibration error of the file, 0 to 1.
        keras_calibration_error: The same of the network.
    """

    tflite: Score
    keras: Score
    agreement: float
    largest_difference: float
    mean_difference: float
    changes: tuple[tuple[int, ...], ...]
    tflite_calibration_error: float
    keras_calibration_error: float

    @property
    def accuracy_lost_points(self) -> float:
        """Accuracy lost by the conversion, in percentage points; negative where it won some."""
        return (self.keras.accuracy - self.tflite.accuracy) * 100.0

    @property
    def good(self) -> bool:
        """Whether the conversion is as faithful as the design asks for."""
        return self.agreement >= LEAST_AGREEMENT and self.accuracy_lost_points <= MOST_POINTS_LOST

    def as_json(self) -> dict[str, Any]:
        """The figures under the keys that machines read."""
        return {
            "agreement": round(self.agreement, 6),
            "accuracy": round(self.tflite.accuracy, 6),
            "balanced_accuracy": round(self.tflite.balanced_accuracy, 6),
            "accuracy_lost_points": round(self.accuracy_lost_points, 4),
            "largest_difference": round(self.largest_difference, 6),
            "mean_difference": round(self.mean_difference, 6),
            "confusion": [list(row) for row in self.tflite.confusion],
            "changes": [list(row) for row in self.changes],
            "calibration_error": round(self.tflite_calibration_error, 6),
            "keras_calibration_error": round(self.keras_calibration_error, 6),
            "frames": self.tflite.frames,
        }


@dataclass(frozen=True, slots=True)
class Exported:
    """One finished file.

    Attributes:
        form: Its format.
        path: The ``.tflite`` file; its card lies beside it.
        size_bytes: Its size.
        parity: How it compares with Keras on the held-out frames.
    """

    form: str
    path: Path
    size_bytes: int
    parity: Parity

    def as_json(self) -> dict[str, Any]:
        """The figures under the keys that machines read."""
        return {"size_bytes": self.size_bytes, **self.parity.as_json(), "file": str(self.path)}


def run_tflite(model: Path, pool: Pool, batch: int = 512) -> np.ndarray:
    """A file's probabilities for every frame, through the runtime of the car.

    Args:
        model: The ``.tflite`` file, with its card.
        pool: The frames.
        batch: Frames read from disk at a time.

    Returns:
        ``(N, 3) float32``.

    Raises:
        ModelError: If the car would refuse the file.
    """
    pilot = TflitePilot(model)
    answers = np.empty((len(pool), 3), np.float32)
    for start in range(0, len(pool), batch):
        frames = pool.gather(slice(start, start + batch))
        for offset, frame in enumerate(frames):
            pilot.fit(frame)
            answers[start + offset] = pilot.infer()
    return answers


def compare(labels: np.ndarray, keras: np.ndarray, tflite: np.ndarray) -> Parity:
    """Judge a file's probabilities against the network's.

    Args:
        labels: ``(N,)`` integers 0 to 2.
        keras: ``(N, 3)`` probabilities of the network.
        tflite: ``(N, 3)`` probabilities of the file.
    """
    difference = np.abs(keras.astype(np.float64) - tflite)
    return Parity(
        score(labels, tflite),
        score(labels, keras),
        float((keras.argmax(axis=1) == tflite.argmax(axis=1)).mean()),
        float(difference.max()),
        float(difference.mean()),
        score(keras.argmax(axis=1), tflite).confusion,
        calibration_error(labels, tflite),
        calibration_error(labels, keras),
    )


def remedy(form: str, parity: Parity, calibration_frames: int) -> str:
    """What to try where a conversion lost too much, in one sentence."""
    short = (
        f"{form}: agreement {parity.agreement:.2%} (at least {LEAST_AGREEMENT:.0%}), accuracy lost "
        f"{parity.accuracy_lost_points:.2f} points (at most {MOST_POINTS_LOST})"
    )
    if calibration_frames < 200:
        return f"{short}: calibrate with more frames, of every drive and light (--frames)"
    if form == "int8":
        return (
            f"{short}: try `python -m training quantise-aware` (fine-tuning, without labels), then "
            "more calibration drives, then --formats int8x16 (16-bit activations)"
        )
    return f"{short}: use --formats float32 and look for a layer that overflows"
