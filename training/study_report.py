"""A study's folder -> tables, the figure, and an HTML page of both."""

from __future__ import annotations

import html
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from controller.errors import DataError
from training.runs import write_json


@dataclass(frozen=True, slots=True)
class Finished:
    """One finished run, as its folder says.

    Attributes:
        network: Name of the network.
        start: Where copied blocks came from, read from the folder's name.
        alpha: Width multiplier.
        seed: Of the run.
        shuffled: The validation frames were drawn by the seed's shuffle.
        parameters: Of the network.
        accuracy: On the held-out drive, 0 to 1.
        balanced: Balanced accuracy on the held-out drive, 0 to 1.
        validation: Accuracy on the validation frames, 0 to 1.
        validation_balanced: Balanced accuracy on the validation frames, 0 to 1.
        drives: The held-out drives.
    """

    network: str
    start: str
    alpha: float
    seed: int
    shuffled: bool
    parameters: int
    accuracy: float
    balanced: float
    validation: float
    validation_balanced: float
    drives: tuple[str, ...]


def read_study(folder: Path) -> list[Finished]:
    """The finished runs of a study.

    Raises:
        DataError: If there is none, or one is broken.
    """
    found = []
    for result_path in sorted(folder.glob("runs/*/result.json")):
        try:
            result = json.loads(result_path.read_text())
            run = json.loads((result_path.parent / "run.json").read_text())["configuration"]
            found.append(_finished(result_path.parent.name, run, result))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{result_path.parent}: broken run: {error}") from error
    if not found:
        raise DataError(f"{folder}: no finished run of a study here (runs/*/result.json)")
    return found


def _finished(name: str, run: dict[str, Any], result: dict[str, Any]) -> Finished:
    match = re.match(r".+?-(random|imagenet|baseB)-a", name)
    return Finished(
        run["network"]["name"],
        match[1] if match else "unknown",
        float(run["network"]["alpha"]),
        int(run["seed"]),
        "seed-shuffled" in run["split"],
        int(result["parameters"]),
        float(result["held_out"]["accuracy"]),
        float(result["held_out"]["balanced_accuracy"]),
        float(result["validation"]["accuracy"]),
        float(result["validation"]["balanced_accuracy"]),
        tuple(result["held_out_drives"]),
    )


Row = tuple[str, ...]
HEADINGS: Row = (
    "network",
    "starts from",
    "alpha",
    "parameters",
    "balanced accuracy",
    "accuracy",
    "validation (balanced)",
    "seeds",
)


def table(runs: Sequence[Finished], *, shuffled: bool = False) -> list[Row]:
    """One row for each network: mean over seeds, and half their spread where there are several."""
    groups: dict[tuple[str, str, float], list[Finished]] = defaultdict(list)
    for run in runs:
        if run.shuffled == shuffled:
            groups[run.network, run.start, run.alpha].append(run)
    rows = []
    for (network, start, alpha), group in sorted(groups.items(), key=lambda item: _order(item[0])):
        rows.append(
            (
                network,
                start,
                f"{alpha:g}",
                f"{group[0].parameters:,}",
                _spread([run.balanced for run in group]),
                _spread([run.accuracy for run in group]),
                _spread([run.validation_balanced for run in group]),
                str(len(group)),
            )
        )
    return rows


def _order(key: tuple[str, str, float]) -> tuple[Any, ...]:
    network, start, alpha = key
    number = re.search(r"\d+", network)
    kind = 0 if network.startswith("base") else 1 if network.startswith("sliced") else 2
    return kind, -alpha, re.sub(r"\d+", "n", network), int(number[0]) if number else 0, start


def _spread(values: Sequence[float]) -> str:
    mean = f"{float(np.mean(values)):.3f}"
    return mean if len(values) == 1 else f"{mean} ± {(max(values) - min(values)) / 2:.3f}"


def markdown(rows: Sequence[Row]) -> str:
    """Rows as a Markdown table."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def draw(runs: Sequence[Finished], path: Path) -> Path:
    """Draw balanced accuracy on the held-out drive over n, for every condition.

    Raises:
        OSError: If the file cannot be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    lines: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in (run for run in runs if not run.shuffled):
        number = re.search(r"\d+", run.network)
        if number:
            name = re.sub(r"\d+", "n", run.network)
            if name == "slicedn":
                name = f"sliced n, {run.start}, alpha {run.alpha:g}"
            lines[name][int(number[0])].append(run.balanced)
    for name, points in sorted(lines.items()):
        where = sorted(points)
        means = [float(np.mean(points[n])) for n in where]
        half = [(max(points[n]) - min(points[n])) / 2 for n in where]
        axes.errorbar(where, means, yerr=half, marker="o", capsize=3, label=name)
    for name, style in (("baseB", ":"), ("baseB+", "--")):
        values = [run.balanced for run in runs if run.network == name and not run.shuffled]
        if values:
            axes.axhline(float(np.mean(values)), linestyle=style, color="black", label=name)
    axes.set_xlabel("block n")
    axes.set_ylabel(f"balanced accuracy on {', '.join(runs[0].drives)}")
    axes.set_xticks(range(1, 14))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="x-small", ncols=2)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)
    return path


def write_report(folder: Path, out: Path, command: str) -> list[Path]:
    """Write ``study.md``, ``study.json``, ``study.html`` and ``study.png``.

    Args:
        folder: The study.
        out: Where to write.
        command: The command that made the study, for the reader to repeat.

    Raises:
        DataError: If the folder holds no finished run.
        OSError: If ``out`` cannot be written.
    """
    runs = read_study(folder)
    out.mkdir(parents=True, exist_ok=True)
    parts = [("Held-out drive: " + ", ".join(runs[0].drives), table(runs))]
    flattered = table(runs, shuffled=True)
    if flattered:
        parts.append(("The seed's shuffled split (validation frames flatter)", flattered))
    text = ["# Transfer study", "", f"Made by `{command}`.", ""]
    for title, rows in parts:
        text += [f"## {title}", "", markdown(rows), ""]
    text += ["![balanced accuracy over n](study.png)", ""]
    (out / "study.md").write_text("\n".join(text))
    (out / "study.html").write_text(_page(command, parts))
    write_json(out / "study.json", [_as_json(run) for run in runs])
    return [
        *(out / f"study.{kind}" for kind in ("md", "html", "json")),
        draw(runs, out / "study.png"),
    ]


def _as_json(run: Finished) -> dict[str, Any]:
    return {name: getattr(run, name) for name in Finished.__slots__}


def _page(command: str, parts: Sequence[tuple[str, Sequence[Row]]]) -> str:
    body = [f"<h1>Transfer study</h1><p>Made by <code>{html.escape(command)}</code>.</p>"]
    for title, rows in parts:
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in HEADINGS)
        lines = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in rows
        )
        body.append(f"<h2>{html.escape(title)}</h2><table><tr>{head}</tr>{lines}</table>")
    style = "body{font:15px sans-serif;margin:2em}td,th{padding:2px 10px;text-align:left}"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Transfer study</title>'
        f"<style>{style}</style>{''.join(body)}<img src='study.png' alt='accuracy over n'></html>\n"
    )
