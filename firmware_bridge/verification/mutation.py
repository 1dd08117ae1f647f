"""Does every small fault in the C core show?"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from firmware_bridge.errors import EmulatorError
from firmware_bridge.firmware.toolchain import CORE, SOURCES, require
from firmware_bridge.verification.differential import Script
from firmware_bridge.verification.mutants import Mutant, mutants

MUTATED = (*CORE, "bytes.h")
EQUIVALENT = SOURCES / "equivalent_mutants.toml"
_TIMEOUT_S = 10.0
_FLAGS = (
    "-std=c11",
    "-w",
    "-O1",
    # A fault that only reads or writes where it must not shows too.
    "-fsanitize=undefined,bounds-strict",
    "-fsanitize-undefined-trap-on-error",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant.

    Attributes:
        mutant: The mutant.
        fate: ``killed``, ``survived``, ``equivalent`` (justified in the file) or ``stillborn``
            (it does not compile).
    """

    mutant: Mutant
    fate: str


def load_equivalent() -> set[tuple[str, str, str]]:
    """The justified survivors, as (file, line before, line after).

    Raises:
        EmulatorError: An entry lacks something.
    """
    entries = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("mutant", [])
    for entry in entries:
        if set(entry) != {"file", "before", "after", "reason"} or not entry["reason"].strip():
            raise EmulatorError(
                f"{EQUIVALENT.name}: an entry needs file, before, after, reason: {entry}"
            )
    return {(entry["file"], entry["before"], entry["after"]) for entry in entries}


class _Tester:
    """Builds one mutant after the other in a folder of its own."""

    def __init__(self, operations: Sequence[bytes], expected: Sequence[bytes]) -> None:
        self._compiler = require("cc")
        self._operations = operations
        self._expected = expected
        self._scratch = tempfile.TemporaryDirectory()
        self._folder = Path(self._scratch.name)
        for path in SOURCES.glob("*.[ch]"):
            shutil.copy(path, self._folder)
        (self._folder / "host").mkdir()
        shutil.copy(SOURCES / "host" / "trace.c", self._folder / "host")
        self._sources = [*CORE, "host/trace.c"]
        for source in self._sources:
            if not self._compile(source):
                raise EmulatorError(f"{source} does not compile")
        (self._folder / "sound").mkdir()
        for made in self._folder.glob("*.o"):
            shutil.copy(made, self._folder / "sound")

    def fate(self, mutant: Mutant) -> str:
        """Whether a mutant compiles and survives."""
        path = self._folder / mutant.file
        original = path.read_text(encoding="utf-8")
        path.write_text(mutant.source, encoding="utf-8")
        affected = [mutant.file] if mutant.file.endswith(".c") else self._sources
        try:
            if not all(self._compile(source) for source in affected) or not self._link():
                return "stillborn"
            return "killed" if self._shows() else "survived"
        finally:
            path.write_text(original, encoding="utf-8")
            for source in affected:
                made = self._folder / self._object(source)
                shutil.copy(self._folder / "sound" / made.name, made)

    def _compile(self, source: str) -> bool:
        made = self._object(source)
        command = [self._compiler, *_FLAGS, "-c", source, "-o", made]
        return self._run(command)

    def _link(self) -> bool:
        objects = [self._object(source) for source in self._sources]
        return self._run([self._compiler, *_FLAGS, *objects, "-o", "trace"])

    @staticmethod
    def _object(source: str) -> str:
        return f"{Path(source).stem}.o"

    def _run(self, command: list[str]) -> bool:
        done = subprocess.run(command, cwd=self._folder, capture_output=True, check=False)
        return done.returncode == 0

    def _shows(self) -> bool:
        for operations, expected in zip(self._operations, self._expected, strict=True):
            try:
                done = subprocess.run(
                    ["./trace"],
                    cwd=self._folder,
                    input=operations,
                    capture_output=True,
                    timeout=_TIMEOUT_S,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return True
            if done.returncode != 0 or done.stdout != expected:
                return True
        return False


_tester: _Tester | None = None


def _start(operations: Sequence[bytes], expected: Sequence[bytes]) -> None:
    global _tester  # one per worker process: its objects are compiled once
    _tester = _Tester(operations, expected)


def _test(mutant: Mutant) -> Verdict:
    if _tester is None:
        raise EmulatorError("the worker was not started")
    return Verdict(mutant, _tester.fate(mutant))


def judge(subjects: Sequence[Mutant], scripts: Sequence[Script], jobs: int) -> list[Verdict]:
    """Test mutants against scripts.

    Args:
        subjects: The mutants.
        scripts: What every mutant has to play.
        jobs: Processes to use.

    Returns:
        A verdict for each, in their order.
    """
    equivalent = load_equivalent()
    operations = [bytes(script.operations) for script in scripts]
    expected = [script.expected for script in scripts]
    with ProcessPoolExecutor(jobs, initializer=_start, initargs=(operations, expected)) as pool:
        verdicts = list(pool.map(_test, subjects, chunksize=4))
    return [
        Verdict(verdict.mutant, "equivalent")
        if verdict.fate == "survived"
        and (verdict.mutant.file, verdict.mutant.before, verdict.mutant.after) in equivalent
        else verdict
        for verdict in verdicts
    ]


def all_mutants() -> list[Mutant]:
    """Every mutant of the core."""
    return [mutant for name in MUTATED for mutant in mutants(SOURCES / name)]
