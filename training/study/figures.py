"""A study's figures: accuracy over n, slices, and the frontier of accuracy against speed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.networks.networks import BLOCKS
from training.study.groups import (
    Group,
    balanced,
    block,
    frontier,
    groups,
    kept_share,
    slice_groups,
)
from training.study.plan import CONDITIONS
from training.study.results import STARTS, Finished, Study

_MARKERS = "osD^vP*X"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture and what it shows.

    Attributes:
        path: The PNG.
        says: For those who do not see it.
    """

    path: Path
    says: str


def draw_figures(study: Study, out: Path) -> list[Drawn]:
    """Draw every figure that a study has something to put into.

    Raises:
        OSError: If a file cannot be written.
    """
    honest = groups(study.runs)
    drives = study.where
    drawn = []
    if any(group.first.family in CONDITIONS for group in honest):
        says = f"balanced accuracy on {drives} over n: transfer conditions"
        drawn.append(Drawn(_draw_transfer(honest, drives, out / "transfer.png"), says))
    slices = slice_groups(honest)
    if len({block(group.first) for group in slices}) > 1:
        says = f"balanced accuracy on {drives} over n: sliced networks"
        drawn.append(Drawn(_draw_slices(slices, drives, out / "slices.png"), says))
    timed = [group for group in honest if group.int8]
    for of, what, name in (
        (balanced, f"balanced accuracy on {drives}", "frontier.png"),
        (kept_share, "share of simulated tracks kept", "tracks.png"),
    ):
        points = [group for group in timed if of(group) is not None]
        if points:
            path = _draw_frontier(points, of, study.machine, what, out / name)
            drawn.append(Drawn(path, f"{what} against int8 latency"))
    return drawn


def _accuracy(run: Finished) -> float:
    return run.balanced


def _place(group: Group) -> int:
    """Where a network stands on the axis of n."""
    return group.first.number or BLOCKS


def _over_n(axes: Any, lines: Iterable[tuple[str, Sequence[Group]]], drives: str) -> None:  # noqa: ANN401
    """Draw one line for each name, with the seeds' spread as bars."""
    for place, (name, members) in enumerate(lines):
        members = sorted(members, key=_place)
        values = [group.values(_accuracy) for group in members]
        axes.errorbar(
            # Side by side, so that bars at the same n can be told apart.
            [_place(group) + 0.06 * place for group in members],
            [mean for mean, _ in values],
            yerr=[half for _, half in values] if any(len(g.runs) > 1 for g in members) else None,
            marker=_MARKERS[place % len(_MARKERS)],
            markersize=5,
            capsize=3,
            label=name,
        )
    axes.set_xlabel("block n")
    axes.set_ylabel(f"balanced accuracy on {drives}")
    axes.set_xticks(range(1, BLOCKS + 1))
    axes.set_xlim(0.5, BLOCKS + 0.5)
    axes.grid(alpha=0.3)


def _draw_transfer(honest: Sequence[Group], drives: str, path: Path) -> Path:
    figure, axes = _new_figure()
    found = defaultdict(list)
    for group in honest:
        found[group.first.family].append(group)
    _over_n(axes, ((name, found[name]) for name in CONDITIONS if name in found), drives)
    for name, style in (("baseB", ":"), ("baseB+", "--")):
        for group in found.get(name, []):
            mean, half = group.values(_accuracy)
            axes.axhline(mean, linestyle=style, color="black", label=name)
            axes.axhspan(mean - half, mean + half, color="black", alpha=0.08, linewidth=0)
    axes.legend(fontsize="small", ncols=3)
    axes.set_title("Copied blocks: frozen, or trained further (+)", fontsize="medium")
    return _save(figure, path)


def _draw_slices(slices: Sequence[Group], drives: str, path: Path) -> Path:
    figure, axes = _new_figure()
    found = defaultdict(list)
    for group in slices:
        first = group.first
        found[f"{STARTS[first.start]}, alpha {first.alpha:g}, {first.size}"].append(group)
    _over_n(axes, sorted(found.items()), drives)
    axes.legend(fontsize="x-small", ncols=2)
    axes.set_title("Networks cut after block n", fontsize="medium")
    return _save(figure, path)


def _draw_frontier(
    timed: Sequence[Group],
    of: Callable[[Group], float | None],
    machine: str,
    figure_says: str,
    path: Path,
) -> Path:
    from matplotlib.ticker import LogLocator

    figure, axes = _new_figure()
    sizes = sorted({group.first.shape for group in timed})
    alphas = sorted({group.first.alpha for group in timed})
    for group in timed:
        axes.errorbar(
            group.int8.p50_ms,
            of(group),
            yerr=group.values(_accuracy)[1] if of is balanced else None,
            marker=_MARKERS[alphas.index(group.first.alpha) % len(_MARKERS)],
            color=f"C{sizes.index(group.first.shape)}",
            markersize=5,
            capsize=2,
            alpha=0.6,
        )
    best = frontier(timed, of)
    where = [(group.int8.p50_ms, of(group)) for group in best if group.int8]
    axes.plot(*zip(*where, strict=True), color="black", linewidth=1, drawstyle="steps-post")
    for group, place in zip(best, where, strict=True):
        first = group.first
        what = f"n = {block(first)}" if first.family == "sliced n" else first.network
        name = f"{what}, alpha {first.alpha:g}, {first.size}"
        # Above and to the left of a point that nothing beats there is nothing.
        axes.annotate(
            name, place, (-5, 3), textcoords="offset points", fontsize="x-small", ha="right"
        )
    for index, shape in enumerate(sizes):
        axes.plot([], [], "s", color=f"C{index}", label=f"{shape[0]}x{shape[1]}")
    for index, alpha in enumerate(alphas):
        marker = _MARKERS[index % len(_MARKERS)]
        axes.plot([], [], marker, color="grey", label=f"alpha {alpha:g}")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    axes.margins(0.4, 0.12)
    axes.set_xlabel(f"int8, one invoke(), p50, ms: {machine}")
    axes.set_ylabel(figure_says)
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize="x-small", ncols=2, loc="lower right")
    axes.set_title("Line: what nothing beats", fontsize="medium")
    return _save(figure, path)


def _new_figure() -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    return figure, figure.subplots()


def _save(figure: Any, path: Path) -> Path:  # noqa: ANN401
    figure.savefig(path, dpi=120, metadata={"Software": None})
    return path
