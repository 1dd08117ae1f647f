"""A model's answers to real labelled frames, which it has never seen, against what people did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from controller.arrays import read_npy
from controller.frames import CLASS_NAMES, Pixels
from controller.model.pilot import TflitePilot
from simulator.errors import SimulatorUsageError
from simulator.pictures.sheet import read_reference

_DATA, _LABELS = "_data.npy", "_labels.npy"


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a model did.

    Attributes:
        confusion: ``confusion[people's label][model's answer]`` counts frames.
        answers: The model's answer to each frame, in the file's order.
    """

    confusion: tuple[tuple[int, ...], ...]
    answers: tuple[int, ...]

    @property
    def frames(self) -> int:
        """How many there were."""
        return len(self.answers)

    @property
    def accuracy(self) -> float:
        """Share of frames answered as people did, 0 to 1."""
        return sum(self.confusion[label][label] for label in range(3)) / self.frames

    @property
    def swaps(self) -> int:
        """Frames in which left was taken for right or right for left."""
        return self.confusion[1][2] + self.confusion[2][1]

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "frames": self.frames,
            "accuracy": self.accuracy,
            "left_right_swaps": self.swaps,
            "confusion": [list(row) for row in self.confusion],
            "answers": list(self.answers),
        }

    def table(self) -> str:
        """For people."""
        lines = [f"{'':22}" + "".join(f"{name:>9}" for name in CLASS_NAMES)]
        for name, row in zip(CLASS_NAMES, self.confusion, strict=True):
            lines.append(f"people: {name:8} model:" + "".join(f"{count:9}" for count in row))
        lines.append(
            f"{self.frames} frames, accuracy {self.accuracy:.3f}, left/right swaps {self.swaps}"
        )
        return "\n".join(lines)


def read_labelled(data: Path) -> tuple[Pixels, npt.NDArray[np.uint8]]:
    """A file ``*_data.npy`` in the reference data set's form, and the labels beside it.

    Returns:
        ``(N, 45, 80, 3) uint8`` RGB and ``(N,) uint8``: 0 forward, 1 left, 2 right; N is 1 or more.

    Raises:
        DataError: If a file cannot be read.
        SimulatorUsageError: If they hold something else.
    """
    if not data.name.endswith(_DATA):
        raise SimulatorUsageError(f"{data}: must be named *{_DATA}, its labels *{_LABELS}")
    path = data.with_name(data.name.removesuffix(_DATA) + _LABELS)
    labels = read_npy(path)
    if not np.issubdtype(labels.dtype, np.integer) or not np.isin(labels, (0, 1, 2)).all():
        raise SimulatorUsageError(f"{path}: labels must be 0 forward, 1 left or 2 right")
    frames, labels = read_reference(data), np.asarray(labels.reshape(-1), np.uint8)
    if not len(frames) or len(frames) != len(labels):
        raise SimulatorUsageError(f"{data}: {len(frames)} frames and {len(labels)} labels")
    return frames, labels


def write_halves(data: Path, out: Path) -> tuple[Path, Path]:
    """Write two halves of a labelled file, alternate frames of each class, to cross-validate on.

    Args:
        data: ``*_data.npy`` in the reference data set's form, ``*_labels.npy`` beside it.
        out: A folder; ``even_data.npy``, ``odd_data.npy`` and their labels are written there.

    Returns:
        The two files of frames.

    Raises:
        SimulatorUsageError: If there are no such frames and labels.
    """
    frames, labels = read_labelled(data)
    rows = frames[..., ::-1].reshape(len(frames), -1)
    second = np.zeros(len(labels), bool)
    for label in range(3):
        second[np.flatnonzero(labels == label)[1::2]] = True
    files = out / f"even{_DATA}", out / f"odd{_DATA}"
    for file, chosen in zip(files, (~second, second), strict=True):
        np.save(file, rows[chosen])
        np.save(file.with_name(file.name.replace(_DATA, _LABELS)), labels[chosen])
    return files


def judge_reference(model: Path, data: Path) -> Judgement:
    """Ask a model about every frame of a file.

    Args:
        model: The ``.tflite`` file.
        data: ``*_data.npy`` in the reference data set's form, ``*_labels.npy`` beside it.

    Raises:
        SimulatorUsageError: If there are no such frames and labels.
        ModelError: If the model is missing or broken.
    """
    frames, labels = read_labelled(data)
    pilot = TflitePilot(model)
    confusion, answers = np.zeros((3, 3), int), []
    for frame, label in zip(frames, labels, strict=True):
        pilot.fit(frame)
        answers.append(int(np.argmax(pilot.infer())))
        confusion[label, answers[-1]] += 1
    return Judgement(tuple(tuple(map(int, row)) for row in confusion), tuple(answers))
