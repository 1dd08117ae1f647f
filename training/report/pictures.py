"""Pictures of a data set: a contact sheet with labels, a histogram of classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from controller.errors import DataError
from controller.frames import CLASS_NAMES
from controller.recording.frameset import UNLABELLED, FrameSet

_COLUMNS = 8
_CELL_WIDTH = 160
_STRIP_HEIGHT = 18
_COLOURS = {0: (70, 160, 70), 1: (60, 90, 200), 2: (200, 120, 50), UNLABELLED: (90, 90, 90)}


def draw_contact_sheet(frames: FrameSet, path: Path, count: int = 64) -> Path:
    """Draw frames, evenly spaced over the data set, each over a strip with its label.

    Args:
        frames: The data set.
        path: The PNG to write.
        count: How many frames at most.

    Raises:
        DataError: If the data set is empty.
        OSError: If the file cannot be written.
    """
    if not len(frames):
        raise DataError(f"{frames.source}: nothing to draw")
    rows = np.unique(np.linspace(0, len(frames) - 1, min(count, len(frames))).astype(int))
    height, width = frames.shape
    cell = (_CELL_WIDTH, max(1, _CELL_WIDTH * height // width))
    lines = -(-len(rows) // _COLUMNS)
    sheet = np.full((lines * (cell[1] + _STRIP_HEIGHT), _COLUMNS * cell[0], 3), 24, np.uint8)
    for place, row in enumerate(rows):
        y = place // _COLUMNS * (cell[1] + _STRIP_HEIGHT)
        x = place % _COLUMNS * cell[0]
        picture = cv2.resize(frames.frames[row], cell, interpolation=cv2.INTER_NEAREST)
        sheet[y : y + cell[1], x : x + cell[0]] = picture
        _strip(sheet[y + cell[1] : y + cell[1] + _STRIP_HEIGHT, x : x + cell[0]], frames, row)
    write_picture(path, sheet)
    return path


def _strip(strip: np.ndarray, frames: FrameSet, row: int) -> None:
    label = int(frames.labels[row])
    strip[:] = _COLOURS[label]
    name = CLASS_NAMES[label] if label != UNLABELLED else "unlabelled"
    steering = float(frames.steering[row])
    text = f"{row} {name}" + (f" {steering:+.2f}" if np.isfinite(steering) else "")
    where, white = (3, _STRIP_HEIGHT - 5), (255, 255, 255)
    # OpenCV draws into contiguous memory only.
    own = np.ascontiguousarray(strip)
    cv2.putText(own, text, where, cv2.FONT_HERSHEY_SIMPLEX, 0.38, white, 1, cv2.LINE_AA)
    strip[:] = own


def draw_histogram(frames: FrameSet, path: Path) -> Path:
    """Draw how many frames of each class every drive has.

    Raises:
        OSError: If the file cannot be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
    base = np.zeros(len(CLASS_NAMES))
    for index, name in enumerate(frames.drive_names):
        labels = frames.labels[frames.drives == index]
        counts = np.array([(labels == value).sum() for value in range(len(CLASS_NAMES))])
        axes.bar(CLASS_NAMES, counts, bottom=base, label=name)
        base += counts
    for place, total in enumerate(base):
        axes.text(place, total, f"{int(total)}", ha="center", va="bottom")
    axes.set_ylabel("frames")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
    return path


def draw_history(history: Sequence[dict[str, float]], path: Path) -> Path:
    """Draw loss and accuracies over the epochs of a run.

    Args:
        history: What `history.json` holds: Keras' figures of every epoch.
        path: The PNG to write.

    Raises:
        OSError: If the file cannot be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    epochs = range(1, len(history) + 1)
    for axes, name in ((left, "loss"), (right, "balanced_accuracy")):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            axes.plot(epochs, [entry[key] for entry in history], marker="o", ms=3, label=label)
        axes.set_xlabel("epoch")
        axes.set_title(name.replace("_", " "), fontsize="medium")
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
    return path


def write_picture(path: Path, rgb: np.ndarray) -> None:
    """Write an RGB picture as PNG. Raises OSError."""
    good, data = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    if not good:
        raise DataError(f"{path}: cannot be encoded as PNG")
    path.write_bytes(data.tobytes())
