"""A process: its age, its memory, its processor time as the kernel says (proc(5)); its end."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

_TICKS_HZ = os.sysconf("SC_CLK_TCK")


def age_s(process_id: int | str = "self") -> float:
    """Time since the kernel started a process, in s (to 10 ms, the kernel's own grain)."""
    started_s = int(_stat(process_id)[19]) / _TICKS_HZ
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_s


def cpu_s(process_id: int | str = "self") -> float:
    """Processor time that a process has used, in s (to 10 ms)."""
    fields = _stat(process_id)
    return (int(fields[11]) + int(fields[12])) / _TICKS_HZ


def memory_mib(process_id: int | str = "self", *, peak: bool = False) -> float:
    """Memory that a process has resident, in MiB: now, or the most that it ever had.

    Args:
        process_id: Which one.
        peak: The most since its program began; unlike ``getrusage`` not what its parent had.
    """
    key = "VmHWM:" if peak else "VmRSS:"
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1024
    return 0.0  # it has ended, and nobody has waited for it yet


def leave_the_one_core() -> None:
    """Let the calling thread run on every other core, where a real-time process keeps to one.

    Whoever gave it one core (``realtime.conf``) wants the loop's code and model to stay in that
    core's caches, and what is done beside the loop would push them out.
    """
    kept = os.sched_getaffinity(0)
    if len(kept) == 1 and os.sched_getscheduler(0) == os.SCHED_FIFO:
        with contextlib.suppress(OSError):  # there is no other, or none is allowed
            os.sched_setaffinity(0, set(range(os.cpu_count() or 1)) - kept)


def leave(code: int) -> NoReturn:
    """End this process with an exit code, even if a thread of it hangs in a driver.

    picamera2 closes its camera when Python ends, and would wait for such a thread for ever.
    """
    if any(thread.daemon for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def give_back_freed_memory() -> None:
    """Have the system get back what was freed between things still in use (malloc_trim(3)).

    glibc by itself gives back only what lies at the end. Other C libraries are left alone.
    """
    import ctypes

    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def _stat(process_id: int | str) -> list[str]:
    """The fields of ``stat`` behind the name, which may hold anything."""
    return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
