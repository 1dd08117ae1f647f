"""Reader of the reference car's own recordings: PNG files beside a pickled dictionary of labels.

The collector writes ``12.png`` and, in one pickle, ``{"12": "up", ...}`` with up, left, right and
down (github.com/felipessalvatore/self_driving_pi_car). A pickle may run code when it is loaded;
this reader's unpickler knows no class and no function, so that one can only hold plain values.
"""

from __future__ import annotations

import pickle
import re
import reprlib
from pathlib import Path
from typing import Any

from controller.errors import DataError
from training.data.records import FORWARD, LEFT, RIGHT, Listing, Record

LABELS = {"up": FORWARD, "left": LEFT, "right": RIGHT}
BACKWARD = "down"
_SUFFIXES = (".pickle", ".pkl", ".p")
_FRAME_NS = 50_000_000
"""The pictures hold no times; they are taken as 20 Hz, the pace of the other recordings."""


class _PlainUnpickler(pickle.Unpickler):
    """Loads dictionaries, strings and numbers; refuses everything that has to be looked up."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        raise pickle.UnpicklingError(f"it wants to load {module}.{name}, and labels need no code")


def _pickles(path: Path) -> list[Path]:
    if not path.is_dir():
        return []
    return sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES)


def recognise(path: Path) -> bool:
    """Whether a folder holds a pickle and PNG files."""
    return bool(_pickles(path)) and any(path.glob("*.png"))


def list_records(path: Path) -> Listing:
    """List the labelled pictures in the order of their numbers.

    Dropped and counted: pictures that drive backwards, and labels whose picture is not there.

    Raises:
        DataError: If there is more than one pickle, it is broken or wants to run code, or a label
            is unknown.
    """
    found = _pickles(path)
    if len(found) != 1:
        raise DataError(f"{path}: {len(found)} pickles ({', '.join(p.name for p in found)}), not 1")
    labels = _load(found[0])
    listing = Listing(path.resolve().name, (path.resolve().name,))
    for key in sorted(labels, key=_by_number):
        name, word = str(key), labels[key]
        if word == BACKWARD:
            listing.dropped["car drives backwards"] += 1
        elif word not in LABELS:
            raise DataError(
                f"{found[0]}: label {reprlib.repr(word)} of {reprlib.repr(name)}; "
                "up, left, right, down are"
            )
        elif Path(name).name != name:
            listing.dropped["name outside the folder"] += 1
        else:
            time_ns = len(listing.records) * _FRAME_NS
            picture = path / f"{name.removesuffix('.png')}.png"
            listing.records.append(Record(picture, LABELS[word], 0, time_ns))
    return listing


def _load(path: Path) -> dict[Any, Any]:
    try:
        with path.open("rb") as file:
            labels = _PlainUnpickler(file).load()
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError) as error:
        raise DataError(f"{path}: refused: {error}") from error
    except (AttributeError, ImportError, MemoryError, UnicodeDecodeError, TypeError) as error:
        raise DataError(f"{path}: broken pickle: {error}") from error
    if not isinstance(labels, dict):
        raise DataError(f"{path}: holds a {type(labels).__name__}, expected a dictionary of labels")
    return labels


def _by_number(key: object) -> tuple[int, str]:
    match = re.match(r"\d+", str(key))
    return (int(match[0]) if match else 0, str(key))
