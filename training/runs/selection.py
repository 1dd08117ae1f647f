"""Which recordings a run trains on, which it is judged on, and how they are split."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.recording.frameset import FrameSet
from training.data.labels import relabel
from training.data.records import TURN_AT
from training.data.registry import open_pool
from training.data.splits import by_blocks, by_drive, last_block, shuffled
from training.errors import SpecError
from training.runs.trainer import Split

VALIDATION_SHARE = 0.1
SEED_SHUFFLED = "seed-shuffled"
"""The name of the seed study's own way to split: single frames, shuffled."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The data of a run, as its user named it.

    Attributes:
        data: Recordings to train on.
        held_out: Recordings to judge on; none for the last drive, or the end of the only one.
        size: Height and width of the frames, in pixels.
        split: How validation frames are chosen: ``blocks`` of time, or `SEED_SHUFFLED`.
        seed: Of the shuffling, where frames are shuffled.
        smooth_ms: Label training frames by their steering averaged over so long; None not to.
        turn_at: Steering that counts as a turn, of full lock; None for the data's own labels.
    """

    data: Sequence[Path]
    held_out: Sequence[Path]
    size: tuple[int, int]
    split: str = "blocks"
    seed: int = 0
    smooth_ms: float | None = None
    turn_at: float | None = None

    def __post_init__(self) -> None:
        smooth_ms, turn_at = self.smoothing
        if not 0.0 <= smooth_ms < math.inf or not 0.0 < turn_at <= 1.0:
            raise SpecError(
                f"--smooth-ms {smooth_ms} and --turn-at {turn_at}: a time of at least 0, and a "
                "share above 0 and at most 1"
            )

    @property
    def smoothing(self) -> tuple[float, float]:
        """Over how long steering is averaged, in ms, and what of it counts as a turn."""
        smooth_ms = 0.0 if self.smooth_ms is None else self.smooth_ms
        return smooth_ms, TURN_AT if self.turn_at is None else self.turn_at


def make_split(selection: Selection) -> Split:
    """Open the data and split it; says on stderr how.

    Raises:
        DataError: If a data set cannot be opened.
        SpecError: If it is too small to be split.
    """
    relabelled, change = _relabelling(selection)
    pool = open_pool(selection.data, selection.size, change)
    if selection.held_out:
        held, how = open_pool(selection.held_out, selection.size), "held out: as named"
    elif len(pool.drives_present) > 1:
        name = pool.drives_present[-1]
        pool, held = by_drive(pool, name)
        how = f"held out: {name}, the last drive, since none was named"
    else:
        pool, held = last_block(pool)
        how = "held out: the last fifth of the only drive, since none was named"
    if selection.split == SEED_SHUFFLED:
        pool, validation = shuffled(pool, VALIDATION_SHARE, selection.seed)
        how += "; validation: seed-shuffled frames (near-copies of training frames: flatters)"
    else:
        pool, validation = by_blocks(pool, VALIDATION_SHARE)
        how += "; validation: blocks of time of the training drives"
    how += relabelled
    print(how, file=sys.stderr)
    return Split(pool, validation, held, how)


def _relabelling(selection: Selection) -> tuple[str, Callable[[FrameSet], FrameSet]]:
    """How training frames get their labels: in words, and as what a frame set goes through."""
    if selection.smooth_ms is None and selection.turn_at is None:
        return "", lambda frames: frames
    smooth_ms, turn_at = selection.smoothing
    words = f"; labels from steering of {turn_at} and more, averaged over {smooth_ms:g} ms"
    return words, lambda frames: relabel(frames, smooth_ms, turn_at)
