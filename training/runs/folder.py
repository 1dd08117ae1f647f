"""The run folder: what was run, from what, and how it went.

::

    run.json        configuration as resolved, seeds, versions, git commit; written first
    history.json    figures of every epoch so far; history.png draws them
    epoch-NNN.keras, checkpoint.json   newest complete epoch, with the optimiser's state
    best.weights.h5 weights of the epoch that did best on the validation frames
    model.keras     the trained network
    result.json     figures on the held-out drive; written last: a run that has it is complete
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import subprocess
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

from training.errors import RunError

_FORMAT = "paperlane-run"
_PACKAGES = ("numpy", "opencv-python-headless", "tensorflow", "keras")


def git_commit(folder: Path | None = None) -> str:
    """The commit of the checkout that this code lies in, with ``+`` where it was changed."""
    where = str(folder or Path(__file__).parents[1])
    try:
        head = subprocess.run(
            ["git", "-C", where, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        dirty = subprocess.run(
            ["git", "-C", where, "status", "--porcelain", "--untracked-files=no", "--", where],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+" if dirty else "")


def versions() -> dict[str, str]:
    """Versions of Python and of every package that a result depends on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """A value as JSON has it: dataclasses as objects, tuples as lists."""
    return json.loads(json.dumps(value, default=_fields))


def _fields(value: Any) -> Any:  # noqa: ANN401 - JSON
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - JSON
    """Write JSON so that a reader sees the old file or the new one, never half of it."""
    partial = path.with_suffix(path.suffix + ".part")
    partial.write_text(json.dumps(plain(value), indent=1) + "\n")
    partial.rename(path)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One training run's folder."""

    path: Path

    @property
    def model(self) -> Path:
        """The trained network."""
        return self.path / "model.keras"

    @property
    def best_weights(self) -> Path:
        """Weights of the epoch that did best on the validation frames so far."""
        return self.path / "best.weights.h5"

    @property
    def complete(self) -> bool:
        """Whether the run is finished."""
        return (self.path / "result.json").is_file() and self.model.is_file()

    def read(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """One of the folder's JSON files, or None where it is not there.

        Raises:
            RunError: If it is broken.
        """
        path = self.path / name
        try:
            return json.loads(path.read_text())
        except FileNotFoundError:
            return None
        except NotADirectoryError as error:
            file = next(part for part in (self.path, *self.path.parents) if part.exists())
            raise RunError(
                f"{file}: is a file, a folder for runs is needed; choose another --out"
            ) from error
        except (OSError, ValueError) as error:
            raise RunError(f"{path}: broken: {error}; remove the folder to start anew") from error

    def write(self, name: str, value: Any) -> None:  # noqa: ANN401 - JSON
        """Write one of the folder's JSON files."""
        write_json(self.path / name, value)

    def forget_checkpoints(self) -> None:
        """Remove what only a resumed run needs."""
        for path in (*self.path.glob("epoch-*.keras"), self.best_weights):
            path.unlink(missing_ok=True)
        (self.path / "checkpoint.json").unlink(missing_ok=True)

    def begin(self, configuration: Any, **more: Any) -> None:  # noqa: ANN401 - JSON
        """Claim the folder for a run, or find that it holds the same one already.

        Args:
            configuration: What makes the run this run.
            more: What else is to be written down.

        Raises:
            RunError: If the folder holds something else.
        """
        wanted = plain(configuration)
        found = self.read("run.json")
        if found is None:
            if self.path.exists() and any(self.path.iterdir()):
                raise RunError(f"{self.path}: not empty and not a run; choose another --out")
            self.path.mkdir(parents=True, exist_ok=True)
            self.write(
                "run.json",
                {
                    "format": _FORMAT,
                    "version": 1,
                    "configuration": wanted,
                    "identity": identity(wanted),
                    "versions": versions(),
                    "commit": git_commit(),
                    **more,
                },
            )
            return
        if not isinstance(found, dict) or found.get("identity") != identity(wanted):
            different = _difference(found.get("configuration", {}), wanted)
            raise RunError(f"{self.path}: holds another run ({different}); choose another --out")


def identity(configuration: Any) -> str:  # noqa: ANN401 - JSON
    """A short name that equal configurations share."""
    text = json.dumps(plain(configuration), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _difference(old: Any, new: Any, where: str = "") -> str:  # noqa: ANN401 - JSON
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                return _difference(old.get(key), new.get(key), f"{where}.{key}" if where else key)
    return f"{where} is {json.dumps(old)} there and {json.dumps(new)} here"
