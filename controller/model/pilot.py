"""The pilot: one frame in, three probabilities out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from controller.errors import ModelError, UsageError
from controller.frames import CLASS_NAMES, Pixels, fit
from controller.model.cards import Card, read_card
from controller.model.interpreter import make_interpreter

Probabilities = npt.NDArray[np.float32]
"""``(3,) float32`` in the label order forward, left, right; each 0 to 1, together about 1."""

MODELS_DIR = Path(__file__).parent / "models"
DEFAULT_MODEL = "default"


class Pilot(Protocol):
    """Whatever turns frames into probabilities."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the frames that it takes, in pixels."""
        ...

    def fit(self, pixels: Pixels) -> Pixels:
        """Fit a camera's picture into the pilot's input; the result is valid until the next."""
        ...

    def infer(self) -> Probabilities:
        """The probabilities for the picture fitted last; valid until the next call."""
        ...


class BorrowedPilot(Pilot):
    """Takes frames as another pilot does, and infers in a way of its own."""

    def __init__(self, pilot: Pilot) -> None:
        """Borrow a pilot; it stays its owner's."""
        self._pilot = pilot

    @property
    def shape(self) -> tuple[int, int]:
        """See `Pilot`."""
        return self._pilot.shape

    def fit(self, pixels: Pixels) -> Pixels:
        """See `Pilot`."""
        return self._pilot.fit(pixels)


def shipped_models() -> tuple[Path, ...]:
    """The ``.tflite`` files that come with the project, in the order of their names."""
    return tuple(sorted(MODELS_DIR.glob("*.tflite")))


def find_model(name: str) -> Path:
    """The ``.tflite`` file that a user's word means: a path, or the name of a shipped model.

    Raises:
        ModelError: If there is no such file; the message lists the shipped names.
    """
    path = Path(name)
    if path.suffix == ".tflite" or path.exists():
        if not path.is_file():
            raise ModelError(f"{path}: no such model file")
        return path
    shipped = MODELS_DIR / f"{name}.tflite"
    if shipped.is_file():
        return shipped
    names = ", ".join(file.stem for file in shipped_models()) or "none"
    raise ModelError(f"{name}: neither a .tflite file nor a shipped model (shipped: {names})")


class _Memory:
    """Where an array lies, for `numpy.asarray`: makes an array of it that does not hold it."""

    def __init__(self, array: npt.NDArray[Any]) -> None:
        self.__array_interface__ = dict(array.__array_interface__)


class TflitePilot:
    """A TFLite model with its card. Not thread-safe: one thread fits and infers.

    Frames are written straight into the input tensor and probabilities read straight from the
    output tensor; nothing is allocated per frame.
    """

    def __init__(self, model: Path, threads: int = 1) -> None:
        """Load a model and check it against its card.

        Args:
            model: The ``.tflite`` file, its card beside it.
            threads: CPU threads for the interpreter, 1 to 8.

        Raises:
            UsageError: If `threads` is out of range.
            ModelError: If model or card is missing, broken, or they do not belong together, or
                if the model does not take ``(1, H, W, 3) uint8`` and give three values.
        """
        if not 1 <= threads <= 8:
            raise UsageError(f"threads is {threads}, must be 1 to 8")
        self.model = model
        self.card: Card = read_card(model)
        self._interpreter = make_interpreter(model, threads)
        self._input = self._check_input()
        self._output, self._scale, self._zero = self._check_output()
        self._probabilities: Probabilities = np.zeros(len(CLASS_NAMES), np.float32)
        self._input_view: Pixels = self._in_place(self._input)
        self._output_view = self._in_place(self._output)

    def _check_input(self) -> int:
        details = self._interpreter.get_input_details()
        found = [(tuple(map(int, d["shape"])), np.dtype(d["dtype"]).name) for d in details]
        wanted = (1, self.card.height, self.card.width, 3)
        if found != [(wanted, "uint8")]:
            raise ModelError(f"{self.model}: takes {found}, its card says one {wanted} uint8")
        return int(details[0]["index"])

    def _check_output(self) -> tuple[int, float, int]:
        details = self._interpreter.get_output_details()
        shapes = [tuple(map(int, d["shape"])) for d in details]
        if shapes != [(1, len(CLASS_NAMES))]:
            raise ModelError(f"{self.model}: gives {shapes}, expected one (1, {len(CLASS_NAMES)})")
        dtype = np.dtype(details[0]["dtype"])
        if dtype == np.float32:
            return int(details[0]["index"]), 1.0, 0
        scale, zero = details[0]["quantization"]
        if dtype not in (np.dtype(np.uint8), np.dtype(np.int8), np.dtype(np.int16)) or scale <= 0:
            raise ModelError(f"{self.model}: gives {dtype} with scale {scale}, cannot be read")
        return int(details[0]["index"]), float(scale), int(zero)

    def _in_place(self, index: int) -> npt.NDArray[Any]:
        """A tensor's own memory, without the axis of one frame.

        The interpreter's own views count as its users, and it refuses to run while it has any;
        this one does not. Tensors stay where they are: only resizing an input would move them.
        """
        view: npt.NDArray[Any] = np.asarray(_Memory(self._interpreter.tensor(index)()))[0]
        return view

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the frames that the model takes, in pixels."""
        return self.card.height, self.card.width

    def fit(self, pixels: Pixels) -> Pixels:
        """Fit a picture into the model's input tensor.

        Args:
            pixels: ``(h, w, 3) uint8`` RGB of any size.

        Returns:
            The input tensor itself, ``(H, W, 3) uint8``.
        """
        return fit(pixels, self.card.height, self.card.width, out=self._input_view)

    def invoke(self) -> None:
        """Run the model on the picture fitted last, and read nothing."""
        self._interpreter.invoke()

    def infer(self) -> Probabilities:
        """Run the model on the picture fitted last.

        Returns:
            ``(3,) float32`` probabilities, the same array at every call.
        """
        self._interpreter.invoke()
        return self.output()

    def output(self) -> Probabilities:
        """What the last run gave, see `infer`."""
        return dequantise(self._output_view, self._scale, self._zero, self._probabilities)


def forward_weight_of(pilot: Pilot) -> float:
    """What a model's card says of forward's weight; 1 for a pilot that is no such model."""
    return pilot.card.forward_weight if isinstance(pilot, TflitePilot) else 1.0


def dequantise(
    values: npt.NDArray[np.generic], scale: float, zero: int, out: Probabilities
) -> Probabilities:
    """What quantised values stand for: ``(values - zero) * scale``, in float32.

    Args:
        values: ``(3,)`` float32, uint8, int8 or int16.
        scale: Of the tensor; 1.0 for float32.
        zero: Its zero point; 0 for float32.
        out: Where to write, ``(3,) float32``.
    """
    # Without the dtype numpy subtracts in the values' own type, and int8 wraps round.
    np.subtract(values, zero, out=out, dtype=np.float32, casting="unsafe")
    out *= scale
    return out
