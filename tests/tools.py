"""Tools outside of Python that tests need: looked for once, here, before any test runs.

A test says what it needs by ``@pytest.mark.needs("simavr")``, or by using a fixture of `FIXTURES`,
or by being run with the firmware's build of that name (`PARAMETERS`). What is not there is skipped
at collection, and says which Debian packages bring it.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest


def _on_path(*programs: str) -> Callable[[], bool]:
    return lambda: all(shutil.which(program) for program in programs)


def _headers(*names: str) -> Callable[[], bool]:
    return lambda: all(Path("/usr/include", name).is_file() for name in names)


@dataclass(frozen=True)
class Tool:
    """Something to be installed.

    Attributes:
        packages: The Debian packages that bring it.
        found: Whether it is there.
        needs: Other tools that it is of no use without.
    """

    packages: tuple[str, ...]
    found: Callable[[], bool]
    needs: tuple[str, ...] = ()


TOOLS = {
    "compiler": Tool(("gcc", "libc6-dev"), _on_path("cc", "gcov")),
    "avr-gcc": Tool(
        ("gcc-avr", "binutils-avr", "avr-libc"), _on_path("avr-gcc", "avr-size", "avr-objcopy")
    ),
    "simavr": Tool(
        ("libsimavr-dev", "libelf-dev"),
        _headers("simavr/sim_avr.h", "libelf.h"),
        ("compiler", "avr-gcc"),
    ),
    "container": Tool(
        ("systemd-container", "dbus", "mount", "util-linux"),
        _on_path("systemd-nspawn", "nsenter", "mount", "umount"),
        ("simavr",),
    ),
}
FIXTURES = {
    "container": "container",
    "mcu": "simavr",
    "new_car": "simavr",
    "trace": "compiler",
}
"""Fixture -> the tool that it starts."""
PARAMETERS = {"host": "compiler", "avr": "simavr"}
"""Name of the firmware's build, as tests are run with it -> the tool that makes it."""
_REASON = re.compile(r"apt install (.*?) to run this")


@functools.cache
def missing(name: str) -> tuple[str, ...]:
    """The packages to install for a tool; none where it is there."""
    tool = TOOLS[name]
    packages = () if tool.found() else tool.packages
    return packages + tuple(package for other in tool.needs for package in missing(other))


def needs_of(item: pytest.Item) -> set[str]:
    """The tools that a test needs."""
    marked = {str(name) for mark in item.iter_markers("needs") for name in mark.args}
    fixtures = getattr(item, "fixturenames", ())
    values = getattr(getattr(item, "callspec", None), "params", {}).values()
    built = (value for value in values if isinstance(value, str))
    return (
        marked
        | {FIXTURES[name] for name in fixtures if name in FIXTURES}
        | {PARAMETERS[name] for name in built if name in PARAMETERS}
    )


def skip_what_cannot_run(items: Iterable[pytest.Item]) -> None:
    """Mark each test whose tools are missing as skipped, with what to install."""
    for item in items:
        needed = sorted(needs_of(item))
        packages = dict.fromkeys(package for name in needed for package in missing(name))
        if packages:
            reason = f"apt install {' '.join(packages)} to run this"
            item.add_marker(pytest.mark.skip(reason=reason))
        elif "container" in needed and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="a container needs root"))


def summary(reasons: Iterable[str]) -> str | None:
    """One line on all that was skipped for missing tools; None where nothing was."""
    found = Counter(match[1] for reason in reasons if (match := _REASON.search(reason)))
    if not found:
        return None
    packages = dict.fromkeys(package for words in found for package in words.split())
    return f"{found.total()} skipped: apt install {' '.join(packages)} to run them"
