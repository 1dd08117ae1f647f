"""The one module that imports a TFLite runtime: LiteRT, or tflite-runtime where it has no wheel."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from controller.errors import ModelError

try:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    RUNTIME = "ai-edge-litert"
except ImportError:  # 32-bit ARM: no LiteRT wheel
    try:
        from tflite_runtime.interpreter import Interpreter, OpResolverType

        RUNTIME = "tflite-runtime"
    except ImportError:
        Interpreter = OpResolverType = None
        RUNTIME = "no TFLite runtime"


def runtime_key() -> str:
    """Names the runtime's build, without asking a package for its version (10 ms, 2 MiB)."""
    if Interpreter is None:
        return RUNTIME
    folder = Path(sys.modules[Interpreter.__module__].__file__ or "").parent
    libraries = sorted(folder.glob("*interpreter_wrapper*.so"))
    stamps = (f"{file.stat().st_size}-{file.stat().st_mtime_ns}" for file in libraries)
    return f"{RUNTIME}:{','.join(stamps)}"


def make_interpreter(
    model: Path,
    threads: int = 1,
    *,
    delegates: bool = True,
) -> Any:  # noqa: ANN401 - neither has types
    """An interpreter with its tensors allocated.

    Args:
        model: The ``.tflite`` file.
        threads: CPU threads for the kernels; 1 is fastest for the native 45x80 networks.
        delegates: Let the runtime put its fast kernels (XNNPACK) in the place of its own. Those
            round otherwise; without them answers are the same in every version, and late.

    Raises:
        ModelError: If the file is not a model that this runtime can run.
    """
    if Interpreter is None:
        raise ModelError(
            "neither ai-edge-litert nor tflite-runtime is installed: pip install ai-edge-litert"
        )
    try:
        with _silent_stderr():
            interpreter = Interpreter(
                model_path=str(model),
                num_threads=threads,
                experimental_op_resolver_type=(
                    OpResolverType.AUTO
                    if delegates
                    else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
                ),
            )
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split()) or "unknown reason"
        raise ModelError(f"{model}: not a model that {RUNTIME} can run: {reason}") from error
    return interpreter


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Keep the runtime's C++ chatter away; what goes wrong comes as an exception too."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
