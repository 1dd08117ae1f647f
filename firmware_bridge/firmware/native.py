"""Loads our own small C libraries through cffi, or says what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

from firmware_bridge.errors import EmulatorError

Ffi: TypeAlias = Any
Library: TypeAlias = Any
CData: TypeAlias = Any
"""cffi has no types; these names at least say which is which."""


def load(library: Path, declarations: str) -> tuple[Ffi, Library]:
    """Load a shared library.

    Args:
        library: Its file.
        declarations: Its functions, in C, as cffi reads them.

    Returns:
        The cffi FFI object and the library.

    Raises:
        EmulatorError: cffi is not installed, or the file cannot be loaded.
    """
    try:
        import cffi
    except ImportError as error:
        raise EmulatorError("cffi is not installed: pip install cffi") from error
    ffi = cffi.FFI()
    ffi.cdef(declarations)
    try:
        return ffi, ffi.dlopen(str(library))
    except OSError as error:
        raise EmulatorError(f"{library} cannot be loaded: {error}") from error
