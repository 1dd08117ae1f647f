"""The other end of a benchmark's line: the microcontroller in Python, on a pty, in real time.

Run as ``python -m controller.benchmark.peer``: prints the pty's path, serves until its standard
input closes.
"""

from __future__ import annotations

import select
import sys
import time

from firmware_bridge.emulation.pty_line import PtyLine
from firmware_bridge.emulation.registry import open_microcontroller

STEP_S = 0.001


def main() -> int:
    """Serve until nobody holds our standard input."""
    with PtyLine() as line, open_microcontroller("python") as mcu:
        print(line.path, flush=True)
        start_ns = time.monotonic_ns()
        while not select.select([sys.stdin], [], [], STEP_S)[0]:
            mcu.receive(line.read())
            mcu.run_until((time.monotonic_ns() - start_ns) // 1000)
            line.write(mcu.transmit())
    return 0


if __name__ == "__main__":
    sys.exit(main())
