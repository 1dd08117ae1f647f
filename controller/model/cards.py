"""The card: the JSON file beside a model that says what it is, and that the two belong together."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.errors import ModelError
from controller.files import read_bounded, read_text_bounded
from controller.frames import CLASS_NAMES

try:  # hashlib is the same function with OpenSSL around it: 3.4 MiB that the car would carry
    from _sha2 import sha256  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    try:
        from _sha256 import sha256  # type: ignore[import-not-found,unused-ignore]  # Python 3.11
    except ImportError:
        from hashlib import sha256

CARD_FORMAT = "paperlane-card"
CARD_VERSION = 1
MOST_CARD_BYTES = 64 << 10
"""Of a card: some 16 times that of a shipped model."""
MOST_MODEL_BYTES = 256 << 20
"""Of a model: VGG16 in float, the largest that is compared with, has 60 MB."""


@dataclass(frozen=True, slots=True)
class Card:
    """What the runtime must know of a model, and everything else that its maker wrote down.

    Attributes:
        name: Name of the model, as people say it.
        sha256: SHA-256 of the ``.tflite`` file, 64 hexadecimal digits.
        height: Height of its input frame, in pixels.
        width: Width of its input frame, in pixels.
        facts: The whole JSON object: how it was made and measured.
    """

    name: str
    sha256: str
    height: int
    width: int
    facts: dict[str, Any]

    @property
    def forward_weight(self) -> float:
        """What forward's probability is multiplied by before the car decides, above 0.

        1 where the maker said nothing. A model that learnt from drivers of several kinds knows how
        many of them would turn; more than 1 makes the car turn only where nearly all would.
        """
        return float(self.facts.get("forward_weight", 1.0))


def card_path(model: Path) -> Path:
    """Where the card of a ``.tflite`` file lies: beside it, with the suffix ``.json``."""
    return model.with_suffix(".json")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    return str(sha256(read_bounded(path, MOST_MODEL_BYTES)).hexdigest())


def seal_of(facts: dict[str, Any]) -> str:
    """SHA-256 of everything that a card says, so that an edit by hand shows.

    Against accidents, not against malice: whoever wants to can compute it anew.

    Args:
        facts: The card as JSON has it; a seal that is there already does not count.
    """
    said = {key: value for key, value in facts.items() if key != "seal"}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return str(sha256(text.encode()).hexdigest())


def write_card(model: Path, name: str, shape: tuple[int, int], facts: dict[str, Any]) -> Path:
    """Write the card of a model that lies complete on disk.

    Args:
        model: The ``.tflite`` file.
        name: What people call it.
        shape: Height and width of its input, in pixels.
        facts: Everything else that is worth knowing; keys of the contract cannot be overridden.

    Returns:
        The path of the card.
    """
    card = {
        **facts,
        "format": CARD_FORMAT,
        "version": CARD_VERSION,
        "name": name,
        "sha256": file_sha256(model),
        "size_bytes": model.stat().st_size,
        "input": {
            "height": shape[0],
            "width": shape[1],
            "channels": 3,
            "dtype": "uint8",
            "colour_order": "RGB",
        },
        "classes": list(CLASS_NAMES),
    }
    card = json.loads(json.dumps(card))  # as a reader will have it
    path = card_path(model)
    path.write_text(json.dumps({**card, "seal": seal_of(card)}, indent=1) + "\n")
    return path


def read_card(model: Path) -> Card:
    """Read the card of a model and check that they belong together.

    Raises:
        ModelError: If the card is missing or broken, is of another version, names other classes
            or another colour order, was changed by hand, or if its hash is not that of the file.
    """
    path = card_path(model)
    try:
        facts = json.loads(read_text_bounded(path, MOST_CARD_BYTES))
    except FileNotFoundError as error:
        raise ModelError(
            f"{path}: no card beside the model; `python -m export` writes both"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a card: {error}") from error
    if (
        not isinstance(facts, dict)
        or facts.get("format") != CARD_FORMAT
        or facts.get("version") != CARD_VERSION
    ):
        raise ModelError(f"{path}: not a {CARD_FORMAT} of version {CARD_VERSION}; export again")
    if facts.get("classes") != list(CLASS_NAMES):
        raise ModelError(f"{path}: classes are {facts.get('classes')!r}, expected {CLASS_NAMES}")
    shape = facts.get("input")
    if not isinstance(shape, dict) or not all(
        isinstance(shape.get(key), int) and shape[key] > 0 for key in ("height", "width")
    ):
        raise ModelError(f"{path}: the card does not say the input's height and width")
    if (shape.get("colour_order"), shape.get("dtype")) != ("RGB", "uint8"):
        raise ModelError(f"{path}: the input must be RGB uint8, the card says {shape}")
    weight = facts.get("forward_weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= 1000:
        raise ModelError(f"{path}: forward_weight is {weight!r}, must be above 0 to 1000")
    try:
        sha256 = file_sha256(model)
    except OSError as error:
        raise ModelError(f"{model}: cannot be read: {error.strerror}") from error
    if facts.get("sha256") != sha256:
        raise ModelError(
            f"{model}: is not the file that its card describes "
            f"(SHA-256 {sha256[:12]}…, card {str(facts.get('sha256'))[:12]!r}…); export again"
        )
    if facts.get("seal") != seal_of(facts):
        raise ModelError(f"{path}: was changed after the exporter wrote it; export again")
    return Card(str(facts.get("name", model.stem)), sha256, shape["height"], shape["width"], facts)
