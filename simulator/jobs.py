"""Work in several processes whose results do not depend on how many there are."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from simulator.errors import SimulatorUsageError

T = TypeVar("T")


def map_in_order(work: Callable[[int], T], count: int, jobs: int) -> Iterator[T]:
    """Do some pieces of work and give their results in their order.

    Args:
        work: Does the piece of a number; must be picklable where there is more than one process.
        count: How many pieces there are.
        jobs: How many processes; with 1 all is done in this one.

    Raises:
        SimulatorUsageError: If there is no process to do it.
    """
    if jobs < 1:
        raise SimulatorUsageError(f"--jobs is {jobs}, must be 1 or more")
    if jobs == 1 or count < 2:
        yield from map(work, range(count))
        return
    # Forked children would share the parent's OpenCV and interpreter threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, count), mp_context=context) as pool:
        yield from pool.map(work, range(count))
