"""The emulated microcontroller as a process: each change of its pins is in the file at once."""

from __future__ import annotations

import dataclasses
import json
import signal
import sys
from pathlib import Path

from firmware_bridge.emulation.emulator import Emulator


def main(line: str, pins: str) -> None:
    """Emulate until SIGTERM.

    Args:
        line: Where to put the link to the pty.
        pins: The file for the changes, one JSON object a line.
    """
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopped.append(number))
    with Path(pins).open("w", buffering=1) as file:

        def write(change):
            fields = dataclasses.asdict(change) | {"state": change.state.name}
            file.write(json.dumps(fields) + "\n")

        with Emulator(Path(line), write) as emulator:
            emulator.run(lambda: bool(stopped))


if __name__ == "__main__":
    main(*sys.argv[1:])
