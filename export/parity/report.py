"""The parity report: what every file lost, as JSON for machines and HTML for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from controller.frames import CLASS_NAMES
from export.parity.compare import LEAST_AGREEMENT, MOST_POINTS_LOST, Exported
from export.parity.layers import LayerError
from training.data.pool import Pool
from training.report.page import render
from training.runs.folder import write_json

TEMPLATE = Path(__file__).with_name("parity.html.j2")
_BAR_PIXELS_PER_DB = 6
COLUMNS: dict[str, Callable[[Exported], str]] = {
    "size, kB": lambda item: f"{item.size_bytes / 1000:.1f}",
    "agreement": lambda item: f"{item.parity.agreement:.4f}",
    "accuracy": lambda item: f"{item.parity.tflite.accuracy:.4f}",
    "balanced": lambda item: f"{item.parity.tflite.balanced_accuracy:.4f}",
    "points lost": lambda item: f"{item.parity.accuracy_lost_points:+.2f}",
    "largest diff.": lambda item: f"{item.parity.largest_difference:.4f}",
    "mean diff.": lambda item: f"{item.parity.mean_difference:.5f}",
    "calib. error": lambda item: f"{item.parity.tflite_calibration_error:.4f}",
}
"""Heading -> text of a cell."""
WORST_LAYERS = 3


def report_text(results: Sequence[Exported], layers: Sequence[LayerError], held: Pool) -> str:
    """The report for the terminal."""
    parity = results[0].parity
    keras = parity.keras
    lines = [f"on {names_text(held.drives_present)}, {keras.frames} frames, as the car runs them:"]
    lines.append("  " + f"{'format':<9}" + "".join(f"{heading:>14}" for heading in COLUMNS))
    own = ("", "", f"{keras.accuracy:.4f}", f"{keras.balanced_accuracy:.4f}", "", "", "")
    cells = (*own, f"{parity.keras_calibration_error:.4f}")
    lines.append("  " + f"{'Keras':<9}" + "".join(f"{cell:>14}" for cell in cells))
    for item in results:
        row = "".join(f"{cell(item):>14}" for cell in COLUMNS.values())
        lines.append(f"  {item.form:<9}{row}  {item.path}")
    lines += [f"{item.form}, answers changed: {_changes(item)}" for item in results]
    worst = sorted(layers, key=lambda layer: layer.snr_db)[:WORST_LAYERS]
    if worst:
        said = ", ".join(f"{layer.name} {layer.snr_db:.1f} dB" for layer in worst)
        lines.append(f"int8, layers with the lowest signal to noise: {said}")
    return "\n".join(lines)


def _changes(item: Exported) -> str:
    """Which answers of Keras became which of the file, most frequent first."""
    changes = [
        (count, f"{before} -> {after}")
        for before, row in zip(CLASS_NAMES, item.parity.changes, strict=True)
        for after, count in zip(CLASS_NAMES, row, strict=True)
        if count and before != after
    ]
    return ", ".join(f"{words} {count}" for count, words in sorted(changes, reverse=True)) or "none"


def write_report(
    out: Path, name: str, results: Sequence[Exported], layers: Sequence[LayerError], held: Pool
) -> tuple[Path, Path]:
    """Write ``NAME-parity.json`` and ``NAME-parity.html``.

    Args:
        out: The folder.
        name: Of the model.
        results: One entry for each format.
        layers: Quantisation error by layer; may be empty.
        held: The held-out frames.

    Raises:
        OSError: If they cannot be written.
    """
    facts = {
        "name": name,
        "held_out": {"drives": list(held.drives_present), "frames": len(held)},
        "formats": {item.form: {**item.as_json(), "file": item.path.name} for item in results},
        "layers": [
            {"name": x.name, "operator": x.operator, "snr_db": round(x.snr_db, 2)} for x in layers
        ],
    }
    paths = out / f"{name}-parity.json", out / f"{name}-parity.html"
    write_json(paths[0], facts)
    paths[1].write_text(_page(name, results, layers, held))
    return paths


def names_text(names: Sequence[str], most: int = 4) -> str:
    """Names with commas between them, the first few where there are many."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"


def _page(name: str, results: Sequence[Exported], layers: Sequence[LayerError], held: Pool) -> str:
    parity = results[0].parity
    keras = (
        f"accuracy {parity.keras.accuracy:.4f}, balanced {parity.keras.balanced_accuracy:.4f}, "
        f"calibration error {parity.keras_calibration_error:.4f}"
    )
    return render(
        TEMPLATE,
        name=name,
        drives=names_text(held.drives_present),
        frames=len(held),
        keras=keras,
        headings=["format", *COLUMNS],
        rows=[[item.form, *(cell(item) for cell in COLUMNS.values())] for item in results],
        verdict=_verdict(results),
        matrices=[
            {
                "headings": [item.form, *CLASS_NAMES],
                "rows": [
                    [word, *row] for word, row in zip(CLASS_NAMES, item.parity.changes, strict=True)
                ],
            }
            for item in results
        ],
        layers=layers,
        pixels_per_db=_BAR_PIXELS_PER_DB,
    )


def _verdict(results: Sequence[Exported]) -> dict[str, Any] | None:
    """What is said of the int8 file, where there is one."""
    bounds = f"at least {LEAST_AGREEMENT:.0%} agreement, at most {MOST_POINTS_LOST} points lost"
    for item in results:
        if item.form == "int8":
            fate = "is faithful enough" if item.parity.good else "falls short"
            return {"good": item.parity.good, "words": f"int8 {fate} ({bounds})."}
    return None
