"""Keras -> TFLite bytes, with the converter's noise in a log file.

The formats are those of the TensorFlow Lite converter
(ai.google.dev/edge/litert/models/post_training_quantization).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from controller.frames import Pixels
from export.errors import ConversionError, ExportUsageError
from training.backend import load_keras, load_tensorflow, stderr_to

FORMATS = ("float32", "float16", "dynamic", "int8", "int8x16")
QUANTISED = ("int8", "int8x16")
"""Formats that need calibration frames."""
ROUNDED = ("dynamic", *QUANTISED)
"""Formats with 8-bit weights: `training.methods.rounding` rounds better than the converter."""


def parse_formats(text: str) -> tuple[str, ...]:
    """Formats from names with commas between them.

    Raises:
        ExportUsageError: If one is unknown or none is named.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in FORMATS]
    if unknown or not names:
        raise ExportUsageError(
            f"format {unknown[0] if unknown else text!r} is unknown; there are {', '.join(FORMATS)}"
        )
    return names


def convert(model: Any, form: str, calibration: Pixels, log: Path) -> bytes:  # noqa: ANN401
    """Convert a network to one format.

    The result has one signature, batch size 1, ``(1, H, W, 3) uint8`` in, ``(1, 3)`` out.

    Args:
        model: A Keras model of this project.
        form: One of `FORMATS`.
        calibration: ``(N, H, W, 3) uint8`` frames; used by `QUANTISED` formats.
        log: File that the converter's noise is appended to.

    Returns:
        The bytes of a ``.tflite`` file; the same input gives the same bytes.

    Raises:
        ConversionError: If the converter fails; the log says how.
    """
    tf = load_tensorflow()
    try:
        with stderr_to(log), tempfile.TemporaryDirectory() as folder:
            _save_frozen(tf, model, Path(folder), raw_bytes_in=form != "int8")
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            _configure(tf, converter, form, calibration)
            return bytes(converter.convert())
    except Exception as error:  # the converter raises many unrelated types
        raise ConversionError(
            f"{form}: the converter failed: {_reason(error)}; its log is {log}"
        ) from error


def _reason(error: Exception) -> str:
    """What a converter's long message comes to, in one line."""
    unknown = re.search(r"^(?:Custom|Flex) ops: (.+)$", str(error), re.MULTILINE)
    if unknown:
        return f"TFLite has no operator for {unknown[1]}; replace that layer"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1][:300]


def _save_frozen(tf: Any, model: Any, folder: Path, *, raw_bytes_in: bool) -> None:  # noqa: ANN401
    """Save the network with its weights as constants, so that no variable reaches the converter.

    Full int8 gets its uint8 input from the converter, which then has no float operator; every
    other format casts the bytes inside its graph.
    """
    from tensorflow.python.framework import convert_to_constants

    shape = (1, *model.input_shape[1:])
    inner = tf.function(lambda frame: model(frame, training=False))
    concrete = inner.get_concrete_function(tf.TensorSpec(shape, tf.float32))
    frozen = convert_to_constants.convert_variables_to_constants_v2(concrete)

    def answer(frame: Any) -> dict[str, Any]:  # noqa: ANN401
        return {"probabilities": frozen(load_keras().ops.convert_to_tensor(frame, "float32"))[0]}

    dtype = tf.uint8 if raw_bytes_in else tf.float32
    signature = [tf.TensorSpec(shape, dtype, name="frame")]
    module = tf.Module()
    module.answer = tf.function(answer, input_signature=signature)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.answer})


def _configure(tf: Any, converter: Any, form: str, calibration: Pixels) -> None:  # noqa: ANN401
    lite = tf.lite
    if form != "float32":
        converter.optimizations = [lite.Optimize.DEFAULT]
    if form == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if form in QUANTISED:
        dtype = np.float32 if form == "int8" else np.uint8

        def representative() -> Iterator[list[Any]]:
            for frame in calibration:
                yield [frame[None].astype(dtype)]

        converter.representative_dataset = representative
    if form == "int8":
        converter.target_spec.supported_ops = [lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
        # Bytes out, too: their zero point is 0, so a reader that forgets it cannot go wrong.
        converter.inference_output_type = tf.uint8
    if form == "int8x16":
        # The 16x8 quantiser cannot convert bytes to float: that one operator stays as it is.
        converter.target_spec.supported_ops = [
            lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
            lite.OpsSet.TFLITE_BUILTINS,
        ]
