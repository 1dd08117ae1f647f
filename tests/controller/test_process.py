from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(("hangs", "left"), [(False, "left\n"), (True, "")])
def test_a_driver_that_hangs_keeps_no_process_from_ending(hangs, left):
    """Its library would wait for it, at exit; any other end is Python's own."""
    code = (
        "import atexit, sys, threading\n"
        "from controller.system.process import leave\n"
        "over = threading.Event()\n"
        "if sys.argv[1] == 'True':\n"
        "    threading.Thread(target=over.wait, daemon=True).start()\n"
        "    atexit.register(over.wait)\n"
        "atexit.register(print, 'left')\n"
        "print('the page')\n"
        "leave(3)\n"
    )
    command = [sys.executable, "-c", code, str(hangs)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (3, f"the page\n{left}")
