"""Splits that keep near-copies together: by drive, or by blocks of time.

Frames next to each other in time are nearly the same picture, so a shuffled split measures
memory instead of driving (DESIGN.md, contract 8). The seed's shuffled split is here by its name
only, to reproduce its figures.
"""

from __future__ import annotations

import numpy as np

from training.data.pool import Pool
from training.errors import SpecError

BLOCKS_PER_DRIVE = 20
GAP_FRAMES = 20
"""Frames dropped on each side of a border between blocks: one second of a 20 Hz recording."""


def by_drive(pool: Pool, held: str) -> tuple[Pool, Pool]:
    """Every drive but one, and that one.

    Raises:
        SpecError: If there is no such drive, or no other.
    """
    if held not in pool.drives_present:
        raise SpecError(f"no drive {held!r}; there are {', '.join(pool.drives_present)}")
    mask = pool.drives == pool.drive_names.index(held)
    if mask.all():
        raise SpecError(f"{held!r} is the only drive: nothing would be left to train on")
    return pool.take(~mask), pool.take(mask)


def by_blocks(
    pool: Pool, share: float = 0.1, offset: int = 0, gap: int = GAP_FRAMES
) -> tuple[Pool, Pool]:
    """Blocks of time of every drive, some held out, with a gap between the two.

    Every drive is cut into `BLOCKS_PER_DRIVE` blocks of equal length; evenly spaced ones are held.

    Args:
        pool: The frames.
        share: Share of the blocks to hold out, 0 to 1.
        offset: Rotates which blocks they are.
        gap: Frames left out of the training part on each side of a held block.

    Returns:
        The training part and the held part.

    Raises:
        SpecError: If nothing would be left on one side.
    """
    held_blocks = max(1, round(share * BLOCKS_PER_DRIVE))
    chosen = {
        (offset + index * BLOCKS_PER_DRIVE // held_blocks + BLOCKS_PER_DRIVE // 2)
        % BLOCKS_PER_DRIVE
        for index in range(held_blocks)
    }
    held = np.zeros(len(pool), bool)
    spoilt = np.zeros(len(pool), bool)
    for drive in np.unique(pool.drives):
        rows = np.flatnonzero(pool.drives == drive)
        edges = np.linspace(0, len(rows), BLOCKS_PER_DRIVE + 1).astype(int)
        own_gap = min(gap, len(rows) // (4 * BLOCKS_PER_DRIVE))
        for block in chosen:
            first, last = edges[block], edges[block + 1]
            held[rows[first:last]] = True
            spoilt[rows[max(0, first - own_gap) : first]] = True
            spoilt[rows[last : last + own_gap]] = True
    return _both(pool, ~held & ~spoilt, held)


def last_block(pool: Pool, share: float = 0.2, gap: int = GAP_FRAMES) -> tuple[Pool, Pool]:
    """The end of every drive held out: for a single recording without another to test on."""
    held = np.zeros(len(pool), bool)
    spoilt = np.zeros(len(pool), bool)
    for drive in np.unique(pool.drives):
        rows = np.flatnonzero(pool.drives == drive)
        cut = len(rows) - max(1, round(share * len(rows)))
        held[rows[cut:]] = True
        spoilt[rows[max(0, cut - min(gap, cut // 10)) : cut]] = True
    return _both(pool, ~held & ~spoilt, held)


def shuffled(pool: Pool, share: float, seed: int) -> tuple[Pool, Pool]:
    """The seed's split: frames drawn at random, so that neighbours stand on both sides.

    Its figures flatter; they are to be printed with this split's name beside them.
    """
    order = np.random.default_rng(seed).permutation(len(pool))
    held = np.zeros(len(pool), bool)
    held[order[: max(1, round(share * len(pool)))]] = True
    return _both(pool, ~held, held)


def _both(pool: Pool, train: np.ndarray, held: np.ndarray) -> tuple[Pool, Pool]:
    if not train.any() or not held.any():
        raise SpecError(
            f"{len(pool)} frames are too few to split into {int(train.sum())} for training and "
            f"{int(held.sum())} held out"
        )
    return pool.take(train), pool.take(held)


def undersample(pool: Pool, seed: int) -> Pool:
    """The seed's balancing: the largest class cut down to the size of the second."""
    counts = pool.class_counts()
    largest, second = np.argsort(counts)[::-1][:2]
    rows = np.flatnonzero(pool.labels == largest)
    drop = np.random.default_rng(seed).permutation(rows)[counts[second] :]
    mask = np.ones(len(pool), bool)
    mask[drop] = False
    return pool.take(mask)


def equal_classes(pool: Pool, seed: int) -> Pool:
    """The seed's test set: every class cut down, by drawing, to the size of the smallest.

    Raises:
        DataError: If a class has no frame.
    """
    pool.class_weights()  # says which class is missing
    fewest = int(pool.class_counts().min())
    rng = np.random.default_rng(seed)
    rows = [rng.permutation(np.flatnonzero(pool.labels == label))[:fewest] for label in range(3)]
    return pool.take(np.sort(np.concatenate(rows)))
