"""NumPy's ``.npy`` files, as others left them."""

from __future__ import annotations

import tokenize
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from controller.errors import DataError

_BROKEN = (
    OSError,
    ValueError,
    EOFError,
    TypeError,
    OverflowError,
    MemoryError,
    RecursionError,
    SyntaxError,
    tokenize.TokenError,
)
"""What a cut or damaged file raises: its header is a piece of Python."""


def read_npy(path: Path, *, mapped: bool = False) -> npt.NDArray[Any]:
    """The array in a ``.npy`` file.

    Args:
        path: The file.
        mapped: Leave the array on disk until it is used.

    Raises:
        DataError: If the file cannot be read, is none, is short or holds Python objects.
    """
    try:
        with path.open("rb") as file:
            if not mapped:
                return np.lib.format.read_array(file, allow_pickle=False)
        return np.lib.format.open_memmap(path, mode="r")
    except _BROKEN as error:
        said = getattr(error, "strerror", None) or str(error)
        reason = said.partition("\n")[0] or type(error).__name__
        raise DataError(f"{path}: cannot be read as .npy: {reason}") from error
