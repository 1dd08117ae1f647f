"""A drive whose owner presses the button on a pretended Pi's pin and looks at the page.

Run as ``python -m tests.controller.pressed_drive CONFIG``; prints what was seen as JSON.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import urllib.request
from pathlib import Path

import numpy as np
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from controller.car import drive
from controller.config import load_config
from controller.cycle import State
from controller.drive.supervisor import choose
from controller.model.pilot import TflitePilot, find_model, forward_weight_of

DRIVEN = 60
"""Frames to drive for, in all."""
PATIENCE = 20
"""Cycles between two presses."""

config = load_config(Path(sys.argv[1]))
weight = forward_weight_of(TflitePilot(find_model(config.model.name)))
Device.pin_factory = MockFactory()
pin = Device.pin_factory.pin(config.arming.gpio_pin)
seen = {"frozen_objects": None, "page": None, "cycles": []}


def owner(cycle):
    cycles = seen["cycles"]
    if not cycles:
        seen["frozen_objects"] = gc.get_freeze_count()
    state = cycle.decision.state
    chosen = choose(np.array(cycle.probabilities or (np.nan,) * 3, np.float32), weight)
    cycles.append(
        (state.name, cycle.decision.command.name, None if chosen is None else chosen.name)
    )
    if state in (State.DISARMED, State.STOPPED) and len(cycles) % PATIENCE == 0:
        pin.drive_low()
        pin.drive_high()
    if seen["page"] is None and sum(state == "DRIVING" for state, *_ in cycles) == DRIVEN:
        address = f"http://127.0.0.1:{config.dashboard.port}/state"
        with urllib.request.urlopen(address, timeout=5) as answer:
            seen["page"] = json.load(answer)
        os.kill(os.getpid(), signal.SIGTERM)


drive(config, watchers=[owner])
print(json.dumps(seen))
