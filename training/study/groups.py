"""A study's runs that differ in the seed alone as one: what tables and figures are made of."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.networks.networks import BLOCKS
from training.study.plan import BLOCKS_OF_TIME
from training.study.results import Finished, Int8, Kept


@dataclass(frozen=True, slots=True)
class Group:
    """Runs that differ in nothing but the seed; at least one.

    Attributes:
        runs: Ordered by seed.
    """

    runs: tuple[Finished, ...]

    @property
    def first(self) -> Finished:
        """The run of the first seed, for everything that does not depend on it."""
        return self.runs[0]

    @property
    def int8(self) -> Int8 | None:
        """The first of its 8-bit files."""
        return next((run.int8 for run in self.runs if run.int8), None)

    @property
    def kept(self) -> Kept | None:
        """How its 8-bit files drove simulated tracks, all together."""
        drove = [run.kept for run in self.runs if run.kept]
        if not drove:
            return None
        return Kept(sum(part.kept for part in drove), sum(part.tracks for part in drove))

    def values(self, of: Callable[[Finished], float]) -> tuple[float, float]:
        """Mean over seeds, and half of what lies between the lowest and the highest."""
        found = [of(run) for run in self.runs]
        return float(np.mean(found)), (max(found) - min(found)) / 2


def groups(runs: Sequence[Finished], split: str = BLOCKS_OF_TIME) -> list[Group]:
    """Runs of one split, those that differ in the seed alone together, in the order of the runs."""
    found: dict[tuple[Any, ...], list[Finished]] = defaultdict(list)
    for run in runs:
        if run.split == split:
            found[run.network, run.start, run.alpha, run.shape].append(run)
    return [Group(tuple(members)) for members in found.values()]


def block(run: Finished) -> int:
    """The block after which a network is cut; only slices are cut before the last."""
    return run.number if run.number and run.network.startswith("sliced") else BLOCKS


def slice_groups(honest: Sequence[Group]) -> list[Group]:
    """Slices in the order of alpha, size, n and start, whole networks among them."""
    whole = [group for group in honest if group.first.number is None]
    same = {(group.first.start, group.first.alpha, group.first.shape) for group in whole}
    cut = [
        group
        for group in honest
        if group.first.family == "sliced n"
        and not (
            group.first.number == BLOCKS
            and (group.first.start, group.first.alpha, group.first.shape) in same
        )
    ]
    return sorted(
        [*cut, *(whole if cut else [])],
        key=lambda g: (-g.first.alpha, g.first.shape, block(g.first), g.first.start),
    )


def balanced(group: Group) -> float:
    """Balanced accuracy on the held-out frames, mean over seeds, 0 to 1."""
    return group.values(lambda run: run.balanced)[0]


def kept_share(group: Group) -> float | None:
    """Share of simulated tracks kept, 0 to 1; None if it drove none."""
    return group.kept.share if group.kept else None


def frontier(
    points: Sequence[Group], of: Callable[[Group], float | None] = balanced
) -> list[Group]:
    """Those that no other beats: nothing is at least as fast and better.

    Args:
        points: Groups; those without an 8-bit file or a figure are left out.
        of: The figure, higher being better.

    Returns:
        From the fastest to the best.
    """
    timed = [
        (group.int8.p50_ms, -figure, group)
        for group in points
        if group.int8 and (figure := of(group)) is not None
    ]
    best: list[Group] = []
    least = math.inf
    for _, figure, group in sorted(timed, key=lambda point: point[:2]):
        if figure < least:
            best.append(group)
            least = figure
    return best
