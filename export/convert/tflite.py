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
from export.convert.formats import FORMATS, Format
from export.errors import ConversionError
from training.backend import load_keras, load_tensorflow, stderr_to


def convert(model: Any, form: str, calibration: Pixels, log: Path) -> bytes:  # noqa: ANN401
    """Convert a network to one format.

    The result has one signature, batch size 1, ``(1, H, W, 3) uint8`` in, ``(1, 3)`` out.

    Args:
        model: A Keras model of this project.
        form: A name in `formats.FORMATS`.
        calibration: ``(N, H, W, 3) uint8`` frames; for formats that are calibrated.
        log: File that the converter's noise is appended to.

    Returns:
        The bytes of a ``.tflite`` file; the same input gives the same bytes.

    Raises:
        ConversionError: If the converter fails; the log says how.
    """
    tf, wanted = load_tensorflow(), FORMATS[form]
    try:
        with stderr_to(log), tempfile.TemporaryDirectory() as folder:
            _save_frozen(tf, model, Path(folder), raw_bytes_in=not wanted.converter_takes_bytes)
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            wanted.configure(tf, converter)
            if wanted.calibrated:
                _calibrate(converter, wanted, calibration)
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


def _calibrate(converter: Any, form: Format, calibration: Pixels) -> None:  # noqa: ANN401
    """Give the converter its calibration frames, as the graph takes them."""
    dtype = np.float32 if form.converter_takes_bytes else np.uint8

    def representative() -> Iterator[list[Any]]:
        for frame in calibration:
            yield [frame[None].astype(dtype)]

    converter.representative_dataset = representative
