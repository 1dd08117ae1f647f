"""Where a model's answers begin to differ between two machines: for emulated_arm.sh.

python layers.py run MODEL FRAMES.npy OUT.npz    # on each machine, with LiteRT
python layers.py compare HERE.npz THERE.npz
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from controller.model.interpreter import Interpreter, OpResolverType

KERNELS = {
    "XNNPACK": (OpResolverType.AUTO, 400),
    "its own": (OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES, 20),
    "reference": (OpResolverType.BUILTIN_REF, 20),
}
"""Which kernels, and on how many frames. XNNPACK shows its results only where it ends: before the
softmax, which it leaves to TFLite."""


def values(
    model: Path, frames: npt.NDArray[np.uint8], kernels: str
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Name and output of each operator that shows it, for some of the frames."""
    resolver, count = KERNELS[kernels]
    whole = resolver != OpResolverType.AUTO
    interpreter = Interpreter(
        model_path=str(model),
        num_threads=1,
        experimental_op_resolver_type=resolver,
        experimental_preserve_all_tensors=whole,
    )
    interpreter.allocate_tensors()
    operators = [
        operator for operator in interpreter._get_ops_details() if operator["op_name"] != "DELEGATE"
    ]
    softmax = next(n for n, operator in enumerate(operators) if operator["op_name"] == "SOFTMAX")
    shown = range(len(operators)) if whole else range(softmax - 1, softmax + 1)
    taken = interpreter.get_input_details()[0]["index"]
    for frame in frames[np.linspace(0, len(frames) - 1, count).astype(int)]:
        interpreter.set_tensor(taken, frame[None])
        interpreter.invoke()
        for number in shown:
            operator = operators[number]
            yield (
                f"{number:02} {operator['op_name']}",
                interpreter.get_tensor(int(operator["outputs"][0])),
            )


def run(model: Path, frames: Path, out: Path) -> None:
    """Save every operator's outputs."""
    kept: dict[str, list[npt.NDArray[Any]]] = {}
    for kernels in KERNELS:
        for name, value in values(model, np.load(frames), kernels):
            kept.setdefault(f"{kernels}: {name}", []).append(value.copy())
    np.savez(out, **{name: np.stack(found) for name, found in kept.items()})


def compare(here: Path, there: Path) -> None:
    """Print the first operator of each kind of kernels that differs, and the last one."""
    print("| kernels | operator | outputs that differ | largest |\n|---|---|---|---|")
    one, other = np.load(here), np.load(there)
    for kernels in KERNELS:
        names = [name for name in one.files if name.startswith(kernels)]
        apart = {n: np.abs(one[n].astype(np.int64) - other[n].astype(np.int64)) for n in names}
        first = next((place for place, name in enumerate(names) if apart[name].any()), len(names))
        for name in dict.fromkeys([*names[max(0, first - 1) : first + 1], names[-1]]):
            operator = name.split(": ")[1]
            differ = f"{np.count_nonzero(apart[name])} of {apart[name].size}"
            print(f"| {kernels} | {operator} | {differ} | {apart[name].max()} |")


def main(argv: list[str]) -> int:
    """Either of the two."""
    paths = [Path(argument) for argument in argv[1:]]
    if argv[:1] == ["run"] and len(paths) == 3:
        run(*paths)
    elif argv[:1] == ["compare"] and len(paths) == 2:
        compare(*paths)
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
