"""Finds a link by the words that name it."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from firmware_bridge.clock import Clock
from firmware_bridge.errors import LinkError
from firmware_bridge.links.base import Link

LINKS = {
    "serial": "firmware_bridge.links.serial:SerialLink",
    "plain": "firmware_bridge.links.plain:PlainLink",
    "simulated": "simulator.devices.live:open_link",
}


def open_link(spec: str, clock: Clock, *, greet: bool = True) -> Link:
    """Make the link that a configuration or a command line names. Entering it opens it.

    Args:
        spec: A device path (``/dev/ttyACM0``), a glob pattern that matches one path
            (``/dev/serial/by-id/*arduino*``), or a pyserial URL (``socket://host:port``), with
            ``serial:`` (the default) or ``plain:`` before it to say how to speak to it; or
            ``simulated:TRACK:SEED``, the line of the simulated camera of that name.
        clock: The time that ages are counted on.
        greet: Entering waits for a first word from the other end; without, call `Link.greet`.

    Raises:
        LinkError: The spec is empty.
    """
    kind, colon, device = spec.partition(":")
    if not colon or kind not in LINKS:
        kind, device = "serial", spec
    if not device:
        raise LinkError(
            f"the link {spec!r} names no device; give a path such as /dev/ttyACM0, a pattern such "
            "as '/dev/serial/by-id/*', a URL such as socket://host:port, or plain:PATH"
        )
    module, _, attribute = LINKS[kind].partition(":")
    make: Callable[..., Link] = getattr(importlib.import_module(module), attribute)
    if kind == "serial" and not greet:
        return make(device, clock, handshake_s=0.0)
    return make(device, clock)
