"""The four cases of the transfer-learning lesson, and which one a data set is.

Little or much data, like or unlike what the network learnt before (ImageNet's photographs): the
cases are those of Stanford's CS231n notes on transfer learning, which Udacity's lesson and the seed
study follow. What is little and what is alike is measured here, not guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from training.data.pool import Pool
from training.errors import SpecError
from training.methods.features import FeatureCache, train_head
from training.networks.networks import BLOCKS, NetworkSpec, build_network, spec_of
from training.networks.trunks import MOBILENET

MOMENT_S = 0.5
"""Frames closer in time than this count once: they are near-copies."""
LITTLE_BELOW = 600
"""Moments: five minutes of driving. Below it a whole network learns its drives by heart."""
EARLY_BLOCK = 5
"""A cut in the middle: edges and textures are in front of it, objects behind (14 cells of 16
pixels at 224x224)."""
ALIKE_MARGIN = 0.01
"""Balanced accuracy by which late features may be worse than early ones and still count as good."""
PROBE_FRAMES = 2000
"""Frames that the comparison of early and late features learns from, drawn evenly."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way of training.

    Attributes:
        name: What the command line calls it.
        much: For much data rather than little.
        alike: For data like what the network learnt before.
        what: What is done, in words.
    """

    name: str
    much: bool
    alike: bool
    what: str


STRATEGIES = {
    strategy.name: strategy
    for strategy in (
        Strategy("head", False, True, "a new head on the features of the whole frozen network"),
        Strategy(
            "early-head", False, False,
            f"a new head on the frozen network cut after block {EARLY_BLOCK}: what comes later "
            "knows too much about other things",
        ),
        Strategy(
            "fine-tune", True, True,
            "the head first, on frozen features; then the last blocks with it, at a lower rate",
        ),
        Strategy(
            "retrain", True, False, "every weight from the start, from trained ones where there are"
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Advice:
    """Which strategy, and why.

    Attributes:
        strategy: The one to take.
        moments: How many moments the data has.
        fewest: Moments of the rarest class.
        early: Balanced accuracy of a head on early features, 0 to 1; None if not measured.
        late: The same on late features.
        reasons: In words.
    """

    strategy: Strategy
    moments: int
    fewest: int
    early: float | None
    late: float | None
    reasons: tuple[str, ...]


def count_moments(pool: Pool) -> tuple[int, int]:
    """Moments of a pool, and of its rarest class."""
    moment = pool.times_ns // int(MOMENT_S * 1e9)
    places = np.stack([pool.drives, moment], axis=1)
    of_class = [len(np.unique(places[pool.labels == label], axis=0)) for label in range(3)]
    return len(np.unique(places, axis=0)), min(of_class)


def advise(train: Pool, validation: Pool, weights: str, cache: FeatureCache) -> Advice:
    """Say which strategy suits a data set.

    Args:
        train: Frames to learn from.
        validation: Frames of other times.
        weights: Where ImageNet's weights come from; ``random`` if there are none.
        cache: Where features are kept.

    Raises:
        DataError: If a class has no frame.
        ModelError: If the weights cannot be had.
    """
    train.class_weights()  # says which class is missing
    moments, fewest = count_moments(train)
    much = moments >= LITTLE_BELOW
    size = (
        f"{len(train)} frames are {moments} moments {MOMENT_S} s apart ({fewest} of the rarest "
        f"class): {'much' if much else 'little'} data, the border being {LITTLE_BELOW}"
    )
    reasons = [size]
    if weights == "random":
        reasons.append(
            "no trained weights were named (--imagenet-weights): every weight must be learnt"
            + ("" if much else ", which so little data will hardly do; record more")
        )
        return Advice(STRATEGIES["retrain"], moments, fewest, None, None, tuple(reasons))
    early, late = (_probe(n, train, validation, weights, cache) for n in (EARLY_BLOCK, BLOCKS))
    alike = late >= early - ALIKE_MARGIN
    reasons.append(
        f"a head on features after block {BLOCKS} reaches balanced accuracy {late:.3f} on "
        f"validation frames, after block {EARLY_BLOCK} {early:.3f}: late features "
        f"{'are as good: alike' if alike else 'are worse: unlike'}"
    )
    chosen = next(s for s in STRATEGIES.values() if (s.much, s.alike) == (much, alike))
    return Advice(chosen, moments, fewest, early, late, tuple(reasons))


def _probe(n: int, train: Pool, validation: Pool, weights: str, cache: FeatureCache) -> float:
    """Balanced accuracy on validation frames of a head on the features after a block."""
    height, width = train.shape
    spec = spec_of(f"sliced{n}", weights, height=height, width=width, frozen=n)
    parts = [thin(pool, PROBE_FRAMES) for pool in (train, validation)]
    return train_head(build_network(spec), *parts, cache).validation


def thin(pool: Pool, count: int) -> Pool:
    """At most so many frames, evenly spaced; of every class as many as its share, and one."""
    if len(pool) <= count:
        return pool
    rows = [np.flatnonzero(pool.labels == label) for label in range(3)]
    kept = [
        r[np.unique(np.linspace(0, len(r) - 1, max(1, count * len(r) // len(pool))).astype(int))]
        for r in rows
        if len(r)
    ]
    return pool.take(np.sort(np.concatenate(kept)))


def head_spec(spec: NetworkSpec, strategy: Strategy) -> NetworkSpec:
    """The frozen network that a strategy begins with.

    Raises:
        SpecError: If the network starts from no trained weights, since random features teach
            nothing, or cannot be cut.
    """
    if not spec.pretrained:
        raise SpecError(
            f"strategy {strategy.name}: frozen features need trained weights; name some with "
            "--imagenet-weights or --weights"
        )
    if strategy.name != "early-head":
        return replace(spec, frozen=spec.blocks)
    if spec.family != MOBILENET:
        raise SpecError(f"strategy early-head cuts a MobileNet; {spec.family} has no blocks")
    blocks = min(spec.blocks, EARLY_BLOCK)
    return replace(spec, name=f"sliced{blocks}", blocks=blocks, frozen=blocks)
