"""One model, several formats: convert, check, card, compare."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from controller.errors import ModelError
from controller.frames import Pixels
from controller.model.cards import write_card
from controller.model.interpreter import make_interpreter
from export.bench.measure import latency_facts
from export.convert.calibration import DEFAULT_FRAMES, choose, frames_of
from export.convert.formats import FORMATS
from export.convert.operators import check, dissect
from export.convert.tflite import convert
from export.errors import ExportUsageError
from export.facts import model_facts, parity_facts, pool_facts, training_facts
from export.parity.compare import Exported, compare, run_tflite
from export.parity.layers import LayerError, layer_errors
from export.parity.report import write_report
from training.backend import load_model
from training.data.pool import Pool
from training.methods.rounding import round_weights
from training.pipeline.batches import check_shape, predict

LOG = "converter.log"
"""What the converter says, in the folder of the results."""
LAYER_FRAMES = 24
"""Frames for the errors by layer, which run on slow reference kernels."""


@dataclass(frozen=True, slots=True)
class Export:
    """What an export made.

    Attributes:
        results: One for each format.
        layers: int8 against float layer by layer; empty where int8 was not asked for.
    """

    results: tuple[Exported, ...]
    layers: tuple[LayerError, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ExportJob:
    """What to export.

    Attributes:
        model: The ``.keras`` file, or its run folder.
        calibration: Frames to draw representative ones from.
        held_out: Frames to compare on.
        out: Where to write.
        formats: Which formats.
        name: What people call the model.
        frames: How many calibration frames to draw.
        nearest: Leave the rounding of weights to the converter.
        forward_weight: What the car multiplies forward's probability by.
    """

    model: Path
    calibration: Pool
    held_out: Pool
    out: Path
    formats: tuple[str, ...]
    name: str
    frames: int = DEFAULT_FRAMES
    nearest: bool = False
    forward_weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.forward_weight <= 1000:
            raise ExportUsageError(f"--forward-weight {self.forward_weight}: above 0 to 1000")

    @property
    def rounds(self) -> bool:
        """Whether any weights are to be rounded here, before the converter sees them."""
        return not self.nearest and any(FORMATS[name].eight_bit_weights for name in self.formats)

    def file(self, form: str) -> Path:
        """Where a format is written: ``NAME-FORMAT.tflite``, or ``NAME.tflite`` if alone."""
        stem = self.name if len(self.formats) == 1 else f"{self.name}-{form}"
        return self.out / f"{stem}.tflite"


def export_model(job: ExportJob) -> Export:
    """Convert a model to every format asked for, and compare each with Keras.

    Raises:
        ModelError: If the model cannot be loaded.
        DataError: If frames have another shape, or a class has no calibration frame.
        ConversionError: If the converter fails, or makes what the car may not trust.
    """
    model = load_model(job.model)
    check_shape(model, job.calibration)
    check_shape(model, job.held_out)
    chosen = choose(job.calibration, job.frames)
    calibration = frames_of(chosen)
    job.out.mkdir(parents=True, exist_ok=True)
    material = _Material(
        model,
        round_weights(model, calibration) if job.rounds else model,
        calibration,
        predict(model, job.held_out),
        {"calibration": pool_facts(chosen), "training": training_facts(job.model)},
    )
    results = [_export_one(job, form, material) for form in job.formats]
    layers = _layers(job, model, results, calibration)
    write_report(job.out, job.name, results, layers, job.held_out)
    return Export(tuple(results), tuple(layers))


@dataclass(frozen=True, slots=True, eq=False)
class _Material:
    """What every format is made of and judged by.

    Attributes:
        model: The network.
        rounded: The same with its weights on the 8-bit grid, for formats with 8-bit weights.
        calibration: Frames for the converter.
        reference: ``(N, 3)`` the network's probabilities for the held-out frames.
        how: What every card says of data and training.
    """

    model: Any
    rounded: Any
    calibration: Pixels
    reference: np.ndarray
    how: dict[str, Any]


def _export_one(job: ExportJob, form: str, material: _Material) -> Exported:
    """Convert, check, write, run as on the car, and write the card."""
    model = material.model
    network = material.rounded if FORMATS[form].eight_bit_weights else model
    data = convert(network, form, material.calibration, job.out / LOG)
    anatomy = dissect(data)
    check(anatomy, form)
    path, shape = job.file(form), tuple(model.input_shape[1:3])
    path.write_bytes(data)
    facts = {**model_facts(model, anatomy, form), **material.how, "output": _output_facts(path)}
    if job.forward_weight != 1.0:
        facts["forward_weight"] = job.forward_weight
    if FORMATS[form].eight_bit_weights:
        facts["rounding"] = "nearest" if job.nearest else "GPTQ"
    write_card(path, job.name, shape, facts)  # the car's runtime, which judges it, wants a card
    answers = run_tflite(path, job.held_out)
    parity = compare(job.held_out.labels, material.reference, answers)
    measured = {**parity_facts(parity, job.held_out), "latency": latency_facts(path)}
    write_card(path, job.name, shape, {**facts, **measured})
    return Exported(form, path, len(data), parity)


def _layers(
    job: ExportJob,
    model: Any,  # noqa: ANN401
    results: Sequence[Exported],
    calibration: Pixels,
) -> list[LayerError]:
    """Quantisation error by layer, where there is an int8 file."""
    files = {result.form: result.path for result in results}
    if "int8" not in files:
        return []
    spread = np.unique(np.linspace(0, len(calibration) - 1, LAYER_FRAMES).astype(int))
    with tempfile.TemporaryDirectory() as folder:
        exact = files.get("float32") or Path(folder) / "float32.tflite"
        if not exact.exists():
            exact.write_bytes(convert(model, "float32", calibration, job.out / LOG))
        return layer_errors(exact, files["int8"], calibration[spread])


def _output_facts(path: Path) -> dict[str, Any]:
    """How to read the probabilities."""
    details = make_interpreter(path).get_output_details()
    if len(details) != 1:
        raise ModelError(f"{path}: {len(details)} outputs, expected one")
    scale, zero = details[0]["quantization"]
    return {
        "dtype": details[0]["dtype"].__name__,
        "scale": float(scale) or 1.0,
        "zero_point": int(zero),
        "meaning": "probability = (value - zero_point) * scale, in the order of classes",
    }
