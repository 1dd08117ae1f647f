"""``check``: one page that says whether this car can drive, and what to do where it cannot.

Each probe looks at one thing and comes back with lines of the page. None may hang or crash the
page: a probe runs in a thread of its own, gets so many seconds, and what it raises is a line too.
"""

from __future__ import annotations

import argparse
import enum
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.cli.common import DONE, FELL_SHORT, add_command, print_json
from controller.errors import ConfigError


class Verdict(enum.Enum):
    """What a line says of its thing."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the page.

    Attributes:
        name: The thing: ``camera``, ``link`` and so on.
        verdict: Whether the car can drive with it as it is.
        found: What was found.
        advice: What to do about it; '' where there is nothing to do.
    """

    name: str
    verdict: Verdict
    found: str
    advice: str = ""


def ok(name: str, found: str) -> Line:
    """A line about something as it should be."""
    return Line(name, Verdict.OK, found)


def warn(name: str, found: str, advice: str = "") -> Line:
    """A line about something that the car can drive with, and that the owner should know."""
    return Line(name, Verdict.WARN, found, advice)


def fail(name: str, found: str, advice: str = "") -> Line:
    """A line about something that the car cannot drive with."""
    return Line(name, Verdict.FAIL, found, advice)


@dataclass(frozen=True, slots=True)
class Probe:
    """One look at one thing.

    Attributes:
        name: What its line is called if it does not come back.
        look: Gives the lines; what it raises becomes one.
        timeout_s: How long it may take, in s.
        advice: What to do if it raises.
    """

    name: str
    look: Callable[[], Sequence[Line]]
    timeout_s: float = 5.0
    advice: str = ""


def diagnose(probes: Sequence[Probe]) -> list[Line]:
    """Run the probes one after the other; devices are not shared.

    Returns:
        The page. One more line for each probe that raised or did not come back in time.
    """
    page: list[Line] = []
    for probe in probes:
        page.extend(_bounded(probe))
    return page


def _bounded(probe: Probe) -> Sequence[Line]:
    found: list[Sequence[Line]] = []

    def look() -> None:
        try:
            found.append(probe.look())
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is what the page is for
            text = " ".join(str(error).split()) or type(error).__name__
            found.append([fail(probe.name, text, probe.advice)])

    # A daemon: one that hangs in a driver must not keep the page from ending.
    thread = threading.Thread(target=look, name=f"check {probe.name}", daemon=True)
    thread.start()
    thread.join(probe.timeout_s)
    if not found:
        return [fail(probe.name, f"no answer within {probe.timeout_s:g} s", "its driver hangs")]
    return found[0]


def add_check_command(commands: Any) -> None:  # noqa: ANN401 - argparse's own type is private
    """Add ``check`` to the tree of ``python -m controller``."""
    parser = add_command(
        commands,
        "check",
        _check,
        "Say on one page whether this car can drive, and what to do where it cannot.",
        "python -m controller check --config /etc/paperlane/paperlane.toml",
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="the car (default: the installed service's)"
    )
    parser.add_argument("--json", action="store_true", help="print the page as JSON")


def _check(arguments: argparse.Namespace) -> int:
    from controller.cli.service import service_config
    from controller.doctor.probes import all_probes

    try:
        config = service_config(arguments.config)
    except ConfigError as error:
        page = [fail("settings", str(error), "correct it; nothing else was looked at")]
    else:
        page = diagnose(all_probes(config))
    failed = [line.name for line in page if line.verdict is Verdict.FAIL]
    if arguments.json:
        print_json(
            {
                "can_drive": not failed,
                "lines": [
                    {
                        "name": line.name,
                        "verdict": line.verdict.value,
                        "found": line.found,
                        "advice": line.advice,
                    }
                    for line in page
                ],
            }
        )
    else:
        print(as_text(page))
    return FELL_SHORT if failed else DONE


def as_text(page: Sequence[Line]) -> str:
    """The page as people read it."""
    width = max((len(line.name) for line in page), default=0)
    rows = []
    for line in page:
        rows.append(f"{line.name:{width}}  {line.verdict.value:4}  {line.found}")
        if line.advice:
            rows.append(f"{'':{width}}        -> {line.advice}")
    failed = [line.name for line in page if line.verdict is Verdict.FAIL]
    verdict = f"this car cannot drive: {', '.join(failed)}" if failed else "this car can drive"
    return "\n".join([*rows, "", verdict])
