"""The transfer study: which runs there are, and what each of them trains.

Conditions are named as in Yosinski et al. 2014 (arXiv:1411.1792), with A for ImageNet and B for
the lane: BnB and AnB have their first n blocks copied and frozen, BnB+ and AnB+ have them copied
and trained further, and the blocks behind them start at random. BaseA, a network on task A, is
not among the runs: it would need ImageNet itself. Its published weights stand for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from controller.frames import REFERENCE_SHAPE
from training.errors import SpecError
from training.networks.networks import BLOCKS, NetworkSpec, spec_of

DEFAULT_SLICES = (1, 3, 5, 7, 9, 11, 13)
DEFAULT_TRANSFER = (3, 7, 11)
DEFAULT_SHUFFLED = ("sliced11",)
CONDITIONS = ("BnB", "BnB+", "AnB", "AnB+")
BLOCKS_OF_TIME, SEED_SHUFFLED = "blocks", "seed-shuffled"


@dataclass(frozen=True, slots=True)
class Plan:
    """The grid of a study.

    Attributes:
        slices: Blocks after which networks are cut.
        transfer: Numbers of blocks that are copied in the transfer conditions; baseB and baseB+
            belong to them, so without any there are none of these either.
        alphas: Width multipliers of the slices; everything else has the first one's.
        shapes: Heights and widths of the frames, in pixels; everything but the slices has the
            first one's.
        seeds: Every run is done once for each.
        shuffled: Networks that are trained once more on the seed's shuffled split.
        imagenet: Where ImageNet's weights come from: ``imagenet`` or a file.
        upsample: Scale frames to 224x224 inside the graph.
    """

    slices: tuple[int, ...] = DEFAULT_SLICES
    transfer: tuple[int, ...] = DEFAULT_TRANSFER
    alphas: tuple[float, ...] = (1.0,)
    shapes: tuple[tuple[int, int], ...] = (REFERENCE_SHAPE,)
    seeds: tuple[int, ...] = (0,)
    shuffled: tuple[str, ...] = DEFAULT_SHUFFLED
    imagenet: str = "imagenet"
    upsample: bool = False

    def __post_init__(self) -> None:
        for n in (*self.slices, *self.transfer):
            if not 1 <= n <= BLOCKS:
                raise SpecError(f"block {n}: MobileNet v1 has blocks 1 to {BLOCKS}")
        if not self.alphas or not self.seeds or not self.shapes:
            raise SpecError("a study needs at least one alpha, one size and one seed")
        for name in self.shuffled:
            if not name.startswith(("base", "sliced")):
                raise SpecError(f"--shuffled {name}: baseB, baseB+ and slices can be")
        for run in plan_runs(self):
            network_spec(run, self, Path())  # a network that cannot be is said before anything runs


@dataclass(frozen=True, slots=True)
class StudyRun:
    """One run of a study.

    Attributes:
        network: Name of the network.
        start: ``random``, ``imagenet`` or ``baseB``: where copied blocks come from.
        alpha: Width multiplier.
        shape: Height and width of the frames, in pixels.
        seed: Of weights, order and augmentation.
        split: ``blocks`` or ``seed-shuffled``.
    """

    network: str
    start: str
    alpha: float
    shape: tuple[int, int]
    seed: int
    split: str = BLOCKS_OF_TIME

    @property
    def folder(self) -> str:
        """Name of its folder below the study's ``runs``."""
        size = f"{self.shape[0]}x{self.shape[1]}"
        name = f"{self.network}-{self.start}-a{self.alpha:g}-{size}-s{self.seed}"
        return name if self.split == BLOCKS_OF_TIME else f"{name}-{self.split}"

    @property
    def needs(self) -> StudyRun | None:
        """The run whose weights it copies."""
        if self.start != "baseB":
            return None
        return StudyRun("baseB", "random", self.alpha, self.shape, self.seed)


def plan_runs(plan: Plan) -> list[StudyRun]:
    """All runs of a study, seed by seed, each after the one whose weights it copies."""
    alpha, shape = plan.alphas[0], plan.shapes[0]
    runs = []
    for seed in plan.seeds:
        if plan.transfer:
            runs.append(StudyRun("baseB", "random", alpha, shape, seed))
            runs.append(StudyRun("baseB+", "imagenet", alpha, shape, seed))
        runs += [
            StudyRun(f"sliced{n}", start, width, size, seed)
            for size in plan.shapes
            for width in plan.alphas
            for n in plan.slices
            # Published weights are to be had as one file of alpha 1.
            for start in (("random", "imagenet") if width == 1.0 else ("random",))
            # Cut after its last block it is the whole network: baseB and baseB+.
            if not (plan.transfer and n == BLOCKS and (width, size) == (alpha, shape))
        ]
        for n in plan.transfer:
            for condition in CONDITIONS:
                start = "baseB" if condition[0] == "B" else "imagenet"
                name = condition.replace("n", str(n), 1)
                runs.append(StudyRun(name, start, alpha, shape, seed))
        for name in plan.shuffled:
            pretrained = name != "baseB" and alpha == 1.0
            start = "imagenet" if pretrained else "random"
            runs.append(StudyRun(name, start, alpha, shape, seed, SEED_SHUFFLED))
    return runs


def network_spec(run: StudyRun, plan: Plan, runs: Path) -> NetworkSpec:
    """What a run trains.

    Args:
        run: The run.
        plan: The grid that it belongs to.
        runs: The folder of all runs, where the weights of baseB lie.

    Raises:
        SpecError: If there is no such network, or its frames are too small.
    """
    weights = {"random": "random", "imagenet": plan.imagenet}.get(run.start)
    if run.needs is not None:
        weights = str(runs / run.needs.folder / "model.keras")
    height, width = run.shape
    return spec_of(
        run.network,
        weights or "random",
        alpha=run.alpha,
        height=height,
        width=width,
        upsample=plan.upsample,
    )
