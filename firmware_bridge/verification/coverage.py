"""Which lines of the C core the directed script does not reach."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from firmware_bridge.errors import EmulatorError
from firmware_bridge.firmware.toolchain import CORE, SOURCES, WARNINGS, require
from firmware_bridge.verification.differential import Script, difference


@dataclass(frozen=True, slots=True)
class Coverage:
    """Line coverage of the C core.

    Attributes:
        lines: Lines with code.
        missed: Those never reached, as ``file:line``.
    """

    lines: int
    missed: tuple[str, ...]


def measure(script: Script) -> Coverage:
    """Play a script into a build that counts lines.

    Raises:
        EmulatorError: gcc or gcov is missing, or the core does not show what it must.
    """
    gcov = require("gcov")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        flags = [*WARNINGS, "-O0", "--coverage", f"-I{SOURCES}"]
        objects = []
        for source in (*CORE, "host/trace.c"):
            made = folder / f"{Path(source).stem}.o"
            _run([require("cc"), *flags, "-c", str(SOURCES / source), "-o", str(made)], folder)
            objects.append(str(made))
        trace = folder / "trace"
        _run([require("cc"), "--coverage", *objects, "-o", str(trace)], folder)
        wrong = difference(trace, script)
        if wrong is not None:
            raise EmulatorError(f"the C core differs from the Python one: {wrong}")
        counts: dict[str, int] = {}
        for source in CORE:
            data = folder / f"{Path(source).stem}.gcda"
            report = json.loads(_run([gcov, "--json-format", "--stdout", str(data)], folder))
            for file in report["files"]:
                path = Path(file["file"])
                if path.is_relative_to(SOURCES):
                    for line in file["lines"]:
                        key = f"{path.relative_to(SOURCES)}:{line['line_number']}"
                        counts[key] = counts.get(key, 0) + line["count"]
    return Coverage(len(counts), tuple(key for key, count in counts.items() if count == 0))


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise EmulatorError(f"{Path(command[0]).name} fails: {done.stderr.strip()}")
    return done.stdout
