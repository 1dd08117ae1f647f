"""The parity report: what every file lost, as JSON for machines and HTML for people."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from controller.frameset import CLASS_NAMES
from export.layers import LayerError
from export.parity import Exported
from training.pool import Pool
from training.runs import write_json

_STYLE = (
    "body{font:15px sans-serif;margin:2em}td,th{padding:2px 10px;text-align:right}"
    "td:first-child,th:first-child{text-align:left}.bad{color:#b00}"
)
_COLUMNS = (
    ("size, kB", lambda item: f"{item.size_bytes / 1000:.1f}"),
    ("agreement", lambda item: f"{item.parity.agreement:.4f}"),
    ("accuracy", lambda item: f"{item.parity.tflite.accuracy:.4f}"),
    ("balanced", lambda item: f"{item.parity.tflite.balanced_accuracy:.4f}"),
    ("points lost", lambda item: f"{item.parity.accuracy_lost_points:+.2f}"),
    ("largest difference", lambda item: f"{item.parity.largest_difference:.4f}"),
    ("mean difference", lambda item: f"{item.parity.mean_difference:.5f}"),
    ("calibration error", lambda item: f"{item.parity.tflite_calibration_error:.4f}"),
)


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


def _page(name: str, results: Sequence[Exported], layers: Sequence[LayerError], held: Pool) -> str:
    keras = results[0].parity.keras
    title = html.escape(f"Parity of {name}")
    where = html.escape(", ".join(held.drives_present))
    parts = [
        (
            f"<h1>{title}</h1><p>On {where}, {len(held)} frames, run as on the car. Keras: "
            f"accuracy {keras.accuracy:.4f}, balanced {keras.balanced_accuracy:.4f}, "
            f"calibration error {results[0].parity.keras_calibration_error:.4f}.</p>"
        ),
        _table(
            ["format", *(heading for heading, _ in _COLUMNS)],
            [[item.form, *(cell(item) for _, cell in _COLUMNS)] for item in results],
        ),
    ]
    for item in results:
        parts.append(f"<h2>{item.form}: answers of Keras (down) and of the file (across)</h2>")
        rows = zip(CLASS_NAMES, item.parity.changes, strict=True)
        parts.append(_table(["", *CLASS_NAMES], [[word, *row] for word, row in rows]))
    if layers:
        parts.append("<h2>int8 against float, layer by layer</h2>")
        rows_of_layers = [[x.name, x.operator, f"{x.snr_db:.1f}"] for x in layers]
        parts.append(_table(["layer", "operator", "signal to noise, dB"], rows_of_layers))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style>{''.join(parts)}</html>\n"
    )


def _table(headings: Sequence[Any], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th>{html.escape(str(cell))}</th>" for cell in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
