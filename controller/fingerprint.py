"""``python -m controller.fingerprint MODEL FRAMES.npy``: what a TFLite runtime answers, exactly.

For comparing runtimes and machines. Needs nothing but numpy and a runtime, so that it also runs
where the rest of this package cannot be installed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from controller.arrays import read_npy
from controller.errors import DataError, UsageError
from controller.model.interpreter import RUNTIME, make_interpreter


def raw_answers(
    model: Path, frames: npt.NDArray[np.uint8], threads: int = 1, *, delegates: bool = True
) -> npt.NDArray[np.generic]:
    """The model's output tensor for every frame, as it stands there: nothing is dequantised.

    Args:
        model: The ``.tflite`` file; its card is not looked at.
        frames: ``(N, H, W, 3) uint8`` RGB of the model's own size.
        threads: CPU threads for the kernels.
        delegates: As `make_interpreter` has it.

    Returns:
        ``(N, 3)`` of the output's dtype: uint8 for int8 files of this project, else float32.

    Raises:
        ModelError: If the file is not a model that this runtime can run.
        DataError: If the frames are not what the model takes.
    """
    interpreter = make_interpreter(model, threads, delegates=delegates)
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    wanted = tuple(int(side) for side in taken["shape"][1:])
    if frames.dtype != np.uint8 or frames.shape[1:] != wanted:
        found = f"{frames.dtype} {frames.shape}"
        raise DataError(f"frames are {found}, {model} takes uint8 (N, {wanted[0]}, {wanted[1]}, 3)")
    answers = np.empty((len(frames), int(given["shape"][1])), given["dtype"])
    for row, frame in enumerate(frames):
        interpreter.set_tensor(taken["index"], frame[None])
        interpreter.invoke()
        answers[row] = interpreter.get_tensor(given["index"])[0]
    return answers


def fingerprint(
    model: Path, frames: npt.NDArray[np.uint8], threads: int = 1, *, delegates: bool = True
) -> dict[str, Any]:
    """The answers with their hash, and who gave them, as JSON has it.

    Raises:
        ModelError, DataError: As `raw_answers`.
    """
    answers = raw_answers(model, frames, threads, delegates=delegates)
    return {
        "runtime": RUNTIME,
        "version": importlib.metadata.version(RUNTIME),
        "machine": platform.machine(),
        "delegates": delegates,
        "python": platform.python_version(),
        "model_sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "frames_sha256": hashlib.sha256(frames.tobytes()).hexdigest(),
        "dtype": answers.dtype.name,
        "answers_sha256": hashlib.sha256(answers.tobytes()).hexdigest(),
        "answers": answers.tolist(),
    }


def main(argv: list[str] | None = None) -> int:
    """Print the fingerprint as one JSON object."""
    parser = argparse.ArgumentParser(
        prog="python -m controller.fingerprint",
        description="Run frames through a model and print the exact answers and their SHA-256.",
        epilog="example:\n  python -m controller.fingerprint default.tflite frames.npy",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, help="a .tflite file")
    parser.add_argument("frames", type=Path, help="an .npy file, (N, H, W, 3) uint8 RGB")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--no-delegates", action="store_true", help="the runtime's own kernels, without XNNPACK"
    )
    arguments = parser.parse_args(argv)
    try:
        frames = read_npy(arguments.frames)
        facts = fingerprint(
            arguments.model, frames, arguments.threads, delegates=not arguments.no_delegates
        )
        print(json.dumps(facts))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
