"""The TFLite formats, each with what the converter must be told. One more is one more entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from export.errors import ExportUsageError

Configure = Callable[[Any, Any], None]
"""Takes TensorFlow and a converter, and sets the converter up."""


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a network.

    Attributes:
        name: As on the command line and in a card.
        configure: What sets this format's converter up.
        calibrated: Needs calibration frames.
        eight_bit_weights: Its weights are 8 bits wide; `training.methods.rounding` rounds them
            better than the converter does.
        converter_takes_bytes: The converter itself makes the uint8 input, and the graph is
            written for floats; else the graph converts the bytes.
    """

    name: str
    configure: Configure
    calibrated: bool = False
    eight_bit_weights: bool = False
    converter_takes_bytes: bool = False


def _float32(_tf: Any, _converter: Any) -> None:  # noqa: ANN401 - TensorFlow has no types
    """As trained."""


def _optimised(tf: Any, converter: Any) -> None:  # noqa: ANN401
    converter.optimizations = [tf.lite.Optimize.DEFAULT]


def _float16(tf: Any, converter: Any) -> None:  # noqa: ANN401
    _optimised(tf, converter)
    converter.target_spec.supported_types = [tf.float16]


def _int8(tf: Any, converter: Any) -> None:  # noqa: ANN401
    _optimised(tf, converter)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    # Bytes out, too: their zero point is 0, so a reader that forgets it cannot go wrong.
    converter.inference_output_type = tf.uint8


def _int8x16(tf: Any, converter: Any) -> None:  # noqa: ANN401
    _optimised(tf, converter)
    # The 16x8 quantiser cannot convert bytes to float: that one operator stays as it is.
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
        tf.lite.OpsSet.TFLITE_BUILTINS,
    ]


FORMATS = {
    form.name: form
    for form in (
        Format("float32", _float32),
        Format("float16", _float16),
        Format("dynamic", _optimised, eight_bit_weights=True),
        Format("int8", _int8, calibrated=True, eight_bit_weights=True, converter_takes_bytes=True),
        Format("int8x16", _int8x16, calibrated=True, eight_bit_weights=True),
    )
}
"""Every format by its name, in the order of ``--help``."""


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
