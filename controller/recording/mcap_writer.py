"""The MCAP library's writer, without what it loads only to learn its own version.

``mcap.writer`` asks ``importlib.metadata`` for the version of its package, which nobody here reads.
With all that it needs (email, zipfile, csv, ...) that module takes 2 MiB of a car's memory and
10 ms of its start.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcap.writer import Writer

_METADATA = "importlib.metadata"


class _NoMetadata(ModuleType):
    """Knows no version, and makes way for the real module when asked for anything else."""

    PackageNotFoundError = ModuleNotFoundError

    def version(self, name: str) -> str:
        raise ModuleNotFoundError(name)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the real one has
        if name.startswith("__"):  # what the import system asks every module
            raise AttributeError(name)
        _remove(self)
        return getattr(importlib.import_module(_METADATA), name)


def _remove(stand_in: ModuleType) -> None:
    if sys.modules.get(_METADATA) is stand_in:
        del sys.modules[_METADATA]


def load_writer() -> type[Writer]:
    """``mcap.writer.Writer``; other threads may import what they like meanwhile."""
    stand_in = _NoMetadata(_METADATA)
    if sys.modules.setdefault(_METADATA, stand_in) is not stand_in:
        return _writer()  # it is there already
    try:
        return _writer()
    finally:
        _remove(stand_in)


def _writer() -> type[Writer]:
    from mcap.writer import Writer

    return Writer
