"""Quantisation error layer by layer, so that a bad layer can be found."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from controller.frames import Pixels
from controller.model.interpreter import Interpreter
from export.convert.operators import Operator, dissect
from export.errors import ConversionError

_COMPARED = ("CONV_2D", "DEPTHWISE_CONV_2D", "MEAN", "FULLY_CONNECTED", "SOFTMAX")


@dataclass(frozen=True, slots=True)
class LayerError:
    """One layer's output in the int8 file against the float file.

    Attributes:
        name: Of the layer, as Keras has it where that can be told.
        operator: As TFLite names it.
        snr_db: Power of the float output over the power of the difference, dB; the difference
            holds the errors of all layers before this one, too.
    """

    name: str
    operator: str
    snr_db: float


def layer_errors(float_file: Path, int8_file: Path, frames: Pixels) -> list[LayerError]:
    """Compare the outputs of every layer.

    Args:
        float_file: The float32 file.
        int8_file: The int8 file of the same network.
        frames: ``(N, H, W, 3) uint8`` frames to run.

    Raises:
        ConversionError: If the two files are not of the same network.
    """
    pairs = []
    for file in (float_file, int8_file):
        operators = [op for op in dissect(file.read_bytes()).operators if op.name in _COMPARED]
        pairs.append((operators, _outputs(file, operators, frames)))
    (float_ops, exact), (int8_ops, rough) = pairs
    if [op.name for op in float_ops] != [op.name for op in int8_ops]:
        raise ConversionError(f"{float_file} and {int8_file} are not of the same network")
    return [
        LayerError(_layer_name(op), op.name, snr_db(signal, noisy))
        for op, signal, noisy in zip(float_ops, exact, rough, strict=True)
    ]


def snr_db(signal: np.ndarray, noisy: np.ndarray) -> float:
    """Signal-to-noise ratio of a disturbed signal, dB; at most 200."""
    power = float(np.square(signal, dtype=np.float64).sum())
    noise = float(np.square(signal.astype(np.float64) - noisy).sum())
    if noise == 0.0:
        return 200.0
    return min(200.0, 10.0 * float(np.log10(max(power, 1e-30) / noise)))


def _outputs(file: Path, operators: list[Operator], frames: Pixels) -> list[np.ndarray]:
    """Every operator's output for all frames, as real numbers."""
    with warnings.catch_warnings():
        # The runtime warns that this is for looking inside, which is what is done here.
        warnings.simplefilter("ignore", UserWarning)
        interpreter = Interpreter(model_path=str(file), experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    frame_index = interpreter.get_input_details()[0]["index"]
    details = {int(d["index"]): d for d in interpreter.get_tensor_details()}
    collected: list[list[np.ndarray]] = [[] for _ in operators]
    for frame in frames:
        interpreter.set_tensor(frame_index, frame[None])
        interpreter.invoke()
        for place, op in enumerate(operators):
            value = interpreter.get_tensor(op.tensor)
            collected[place].append(_real(value, details[op.tensor]))
    return [np.stack(values) for values in collected]


def _real(value: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    scale, zero = details["quantization"]
    if not scale:
        return value.astype(np.float32)
    return (value.astype(np.float32) - zero) * scale


def _layer_name(op: Operator) -> str:
    """A Keras layer's name from a fused tensor's name such as ``.../conv_pw_3_relu/Relu6;...``."""
    if op.name == "SOFTMAX":
        return "softmax"
    found = re.findall(r"conv_(?:pw|dw)_\d+|conv1|pool|probabilities", op.outputs[0])
    return found[0] if found else op.outputs[0].split(";")[0][-40:]
