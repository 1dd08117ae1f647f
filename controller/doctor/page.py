"""``check``: one page that says whether this car can drive, and what to do where it cannot.

Each probe looks at one thing and comes back with lines of the page. None may hang or crash the
page: a probe runs in a thread of its own, gets so many seconds, and what it raises is a line too.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass


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
