"""A model that nobody knows is run once in a process of its own before it may drive.

A ``.tflite`` file that was damaged or made to (its card sealed anew) can end the process that loads
it, without an error that could be caught: the runtime is C++ and trusts what it reads. So the first
time it is loaded, run and thrown away by a child; only what survives that is loaded by the drive.
What has passed is remembered by its hash: it costs one start. Shipped models are known by theirs.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from controller.errors import ControllerError, ModelError
from controller.files import read_text_bounded
from controller.model.cards import MOST_CARD_BYTES, read_card
from controller.model.interpreter import runtime_key
from controller.model.pilot import MODELS_DIR, TflitePilot

TRIAL_S = 20.0
"""How long a trial may take, in s: the largest network that is compared with takes one of it on a
Raspberry Pi 3."""
TRIAL_BYTES = 2 << 30
"""Address space of a trial."""
MOST_PASSED = 1000
"""Lines of the file that remembers; older ones are forgotten."""
PASSED = 0
REFUSED = 2


def passed_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the models that passed are remembered: the service's state folder, or the user's cache.

    Args:
        environment: ``STATE_DIRECTORY`` (systemd.exec(5)) and ``XDG_CACHE_HOME`` of it are read.
    """
    state = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    if state:
        return Path(state) / "passed-models"
    cache = environment.get("XDG_CACHE_HOME", "")
    folder = Path(cache) if cache else Path("~/.cache").expanduser()
    return folder / "paperlane" / "passed-models"


def load_pilot(model: Path, threads: int = 1, passed: Path | None = None) -> TflitePilot:
    """Load a model, after it has passed its trial if it has not before.

    Args:
        model: The ``.tflite`` file, its card beside it.
        threads: CPU threads for the interpreter, 1 to 8.
        passed: The file that remembers; `passed_file` if None.

    Raises:
        UsageError: If `threads` is out of range.
        ModelError: If it does not pass, or as of `TflitePilot`.
    """
    sha256 = read_card(model).sha256
    if sha256 not in _shipped_hashes():
        passed = passed or passed_file()
        key = f"{sha256} {runtime_key()} {threads}"
        if key not in _lines(passed):
            _try(model, threads)
            _remember(passed, key)
    pilot = TflitePilot(model, threads)
    if pilot.card.sha256 != sha256:
        raise ModelError(f"{model}: was replaced while it was tried; start again")
    return pilot


def _shipped_hashes() -> set[str]:
    """Of the models in this package, as their cards say (which belong to the package too)."""
    cards = (read_text_bounded(path, MOST_CARD_BYTES) for path in MODELS_DIR.glob("*.json"))
    return {str(json.loads(card)["sha256"]) for card in cards}


def _lines(file: Path) -> list[str]:
    try:
        return read_text_bounded(file, MOST_PASSED * 256).splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _remember(file: Path, key: str) -> None:
    """Where nothing can be written, each start tries it anew."""
    lines = [*_lines(file), key][-MOST_PASSED:]
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f"{file.name}.{os.getpid()}")
        partial.write_text("\n".join(lines) + "\n")
        partial.replace(file)


def _try(model: Path, threads: int) -> None:
    import subprocess  # 8 ms that no other start has to pay

    package = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH", ""))))
    command = [sys.executable, "-P", "-m", "controller.model.trial", str(model), str(threads)]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": path, "NOTIFY_SOCKET": ""},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=TRIAL_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f"{model}: does not answer within {TRIAL_S:.0f} s; export again"
        ) from error
    except OSError as error:
        raise ModelError(f"{model}: cannot be tried: {error}") from error
    if done.returncode == PASSED:
        return
    said = done.stderr.decode(errors="replace").strip().splitlines()
    if done.returncode == REFUSED and said:
        raise ModelError(said[-1])
    how = f"by signal {-done.returncode}" if done.returncode < 0 else f"with {done.returncode}"
    raise ModelError(
        f"{model}: ends the process that runs it ({how}): the file is damaged, whatever its card "
        "says; export again"
    )


def _run(model: Path, threads: int) -> int:
    """What the child does."""
    import resource

    import numpy as np

    for limit, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, TRIAL_BYTES)):
        with contextlib.suppress(OSError, ValueError):  # a sandbox may not allow it; it has its own
            resource.setrlimit(limit, (most, most))
    try:
        pilot = TflitePilot(model, threads)
        height, width = pilot.shape
        grain = np.arange(height * width * 3, dtype=np.uint32) * np.uint32(2654435761)
        noise = (grain >> np.uint32(24)).astype(np.uint8).reshape(height, width, 3)
        for pixels in (np.zeros_like(noise), np.full_like(noise, 255), noise):
            pilot.fit(pixels)
            pilot.infer()
    except ControllerError as error:
        print(error, file=sys.stderr)
        return REFUSED
    return PASSED


if __name__ == "__main__":
    sys.exit(_run(Path(sys.argv[1]), int(sys.argv[2])))
