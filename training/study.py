"""The transfer study: which runs there are, and running those that are not finished yet.

Conditions are named as in Yosinski et al. 2014 (arXiv:1411.1792), with A for ImageNet and B for
the lane: BnB and AnB have their first n blocks copied and frozen, BnB+ and AnB+ have them copied
and trained further, and the blocks behind them start at random.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.errors import SpecError
from training.networks import BLOCKS, NetworkSpec, spec_of
from training.recipes import recipe_of
from training.trainer import Split, TrainConfig, Trained, train

DEFAULT_SLICES = (1, 3, 5, 7, 9, 11, 13)
DEFAULT_TRANSFER = (3, 7, 11)
CONDITIONS = ("BnB", "BnB+", "AnB", "AnB+")


@dataclass(frozen=True, slots=True)
class Plan:
    """The grid of a study.

    Attributes:
        slices: Blocks after which networks are cut.
        transfer: Numbers of blocks that are copied in the transfer conditions.
        alphas: Width multipliers of the slices; the transfer conditions have the first one's.
        seeds: Every run is done once for each.
        shuffled: Networks that are trained once more on the seed's shuffled split.
        imagenet: Where ImageNet's weights come from: ``imagenet`` or a file.
        shape: Height and width of the frames, in pixels.
        upsample: Scale frames to 224x224 inside the graph.
    """

    slices: tuple[int, ...] = DEFAULT_SLICES
    transfer: tuple[int, ...] = DEFAULT_TRANSFER
    alphas: tuple[float, ...] = (1.0,)
    seeds: tuple[int, ...] = (0,)
    shuffled: tuple[str, ...] = ("sliced11",)
    imagenet: str = "imagenet"
    shape: tuple[int, int] = (45, 80)
    upsample: bool = False

    def __post_init__(self) -> None:
        for n in (*self.slices, *self.transfer):
            if not 1 <= n <= BLOCKS:
                raise SpecError(f"block {n}: MobileNet v1 has blocks 1 to {BLOCKS}")
        if not self.alphas or not self.seeds:
            raise SpecError("a study needs at least one alpha and one seed")


@dataclass(frozen=True, slots=True)
class StudyRun:
    """One run of a study.

    Attributes:
        folder: Name of its folder below the study's ``runs``.
        network: Name of the network.
        start: ``random``, ``imagenet`` or ``baseB``: where copied blocks come from.
        alpha: Width multiplier.
        seed: Of weights, order and augmentation.
        split: ``blocks`` or ``seed-shuffled``.
    """

    folder: str
    network: str
    start: str
    alpha: float
    seed: int
    split: str = "blocks"


def plan_runs(plan: Plan) -> list[StudyRun]:
    """All runs of a study, each after those whose weights it copies."""
    runs = []
    first = plan.alphas[0]
    for seed in plan.seeds:
        if plan.transfer:
            runs.append(_run("baseB", "random", first, seed))
            runs.append(_run("baseB+", "imagenet", first, seed))
        for alpha in plan.alphas:
            starts = ("random", "imagenet") if alpha == 1.0 else ("random",)
            runs += [_run(f"sliced{n}", s, alpha, seed) for n in plan.slices for s in starts]
        for n in plan.transfer:
            for condition in CONDITIONS:
                start = "baseB" if condition[0] == "B" else "imagenet"
                runs.append(_run(condition.replace("n", str(n)), start, first, seed))
        start = "imagenet" if first == 1.0 else "random"
        runs += [_run(name, start, first, seed, "seed-shuffled") for name in plan.shuffled]
    return runs


def _run(network: str, start: str, alpha: float, seed: int, split: str = "blocks") -> StudyRun:
    folder = f"{network}-{start}-a{alpha:g}-s{seed}" + ("" if split == "blocks" else f"-{split}")
    return StudyRun(folder, network, start, alpha, seed, split)


def run_study(
    plan: Plan,
    split_of: Callable[[str], Split],
    data: tuple[Sequence[str], Sequence[str]],
    out: Path,
    recipe: str = "default",
    epochs: int | None = None,
) -> list[tuple[StudyRun, Trained]]:
    """Do the runs that are not finished, and go on with one that was cut off.

    Args:
        plan: The grid.
        split_of: The data, split as named (``blocks`` or ``seed-shuffled``).
        data: Names of the data sets and of the held-out ones, for the runs' configuration.
        out: The study's folder; runs are below ``runs``.
        recipe: Name of the recipe.
        epochs: Passes over the training frames; None for the recipe's own.

    Returns:
        Every run with its result, in the order of the plan.
    """
    runs = plan_runs(plan)
    done = []
    for number, run in enumerate(runs, 1):
        print(f"[{number}/{len(runs)}] {run.folder}", flush=True)
        spec = _spec(run, plan, out)
        split = split_of(run.split)
        config = TrainConfig(
            spec,
            recipe_of(recipe, pretrained=spec.weights != "random", epochs=epochs),
            tuple(data[0]),
            tuple(data[1]),
            split.how,
            (len(split.train), len(split.validation), len(split.held_out)),
            run.seed,
        )
        done.append((run, train(config, split, out / "runs" / run.folder)))
    return done


def _spec(run: StudyRun, plan: Plan, out: Path) -> NetworkSpec:
    weights = {
        "random": "random",
        "imagenet": plan.imagenet,
        "baseB": str(
            out / "runs" / _run("baseB", "random", run.alpha, run.seed).folder / "model.keras"
        ),
    }[run.start]
    height, width = plan.shape
    return spec_of(
        run.network,
        weights,
        alpha=run.alpha,
        height=height,
        width=width,
        upsample=plan.upsample,
    )
