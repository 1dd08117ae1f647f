"""The one place that imports TensorFlow and Keras, quietly and late.

``--help``, ``import`` and every complaint about bad input answer without TensorFlow, which takes
seconds to load.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from controller.errors import ModelError, UsageError


@contextlib.contextmanager
def stderr_to(log: Path) -> Iterator[None]:
    """Send everything written to file descriptors 1 and 2, by C++ too, to the end of a file.

    Args:
        log: The file; created where it is missing.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.dup2(target, 1)
        os.dup2(target, 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        os.close(target)


def load_keras() -> ModuleType:
    """Import Keras on its TensorFlow backend, without the noise of the import.

    Returns:
        The module ``keras``.

    Raises:
        UsageError: If TensorFlow is not installed.
    """
    if "keras" in sys.modules and "tensorflow" in sys.modules:
        return sys.modules["keras"]
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    handle, name = tempfile.mkstemp(prefix="tensorflow-import-", suffix=".log")
    os.close(handle)
    try:
        with stderr_to(Path(name)):
            import keras
            import tensorflow  # noqa: F401 - loaded here so that its noise goes to the log
    except ImportError as error:
        raise UsageError(
            f"TensorFlow is not installed ({error}); install the extra: pip install '.[train]'"
        ) from error
    finally:
        Path(name).unlink(missing_ok=True)
    return keras


def load_tensorflow() -> ModuleType:
    """Import TensorFlow as `load_keras` does."""
    load_keras()
    return sys.modules["tensorflow"]


def find_model_file(path: Path) -> Path:
    """The ``.keras`` file that a path names, looked at from outside, without Keras.

    Args:
        path: The file, or its run folder.

    Raises:
        ModelError: If there is no such file, or it is none of Keras'.
    """
    if path.is_dir():
        path = path / "model.keras"
    if not path.is_file():
        raise ModelError(f"{path}: no such model file")
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            raise ModelError(f"{path}: not a .keras file (that is a zip archive; this is not)")
    try:
        with zipfile.ZipFile(path) as archive:
            archive.getinfo("config.json")
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        reason = str(error).strip("'\"")
        raise ModelError(f"{path}: not a Keras model that can be loaded: {reason}") from error
    return path


def load_model(path: Path) -> Any:  # noqa: ANN401 - Keras has no types
    """Load a ``.keras`` file and check that it takes frames and gives three probabilities.

    Args:
        path: A file written by ``python -m training``.

    Returns:
        The Keras model: ``(N, H, W, 3)`` RGB values 0 to 255 in, ``(N, 3)`` probabilities out.

    Raises:
        ModelError: If there is no such file, it is no Keras model, or has other shapes.
    """
    path = find_model_file(path)
    keras = load_keras()
    try:
        with warnings.catch_warnings():
            # Keras warns that it leaves the optimiser's state aside, which is what is wanted.
            warnings.simplefilter("ignore", UserWarning)
            model = keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever its parts raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "unknown reason"
        raise ModelError(f"{path}: not a Keras model that can be loaded: {reason}") from error
    shapes = (tuple(model.input_shape), tuple(model.output_shape))
    if len(shapes[0]) != 4 or shapes[0][3] != 3 or None in shapes[0][1:] or shapes[1][1:] != (3,):
        raise ModelError(
            f"{path}: takes {shapes[0]} and gives {shapes[1]}, expected (None, H, W, 3) frames in "
            "and (None, 3) probabilities out"
        )
    return model
