from __future__ import annotations

import dataclasses
import time

import pytest

from controller.cycle import STAGES
from controller.drive.statistics import Statistics
from controller.system import process


@pytest.fixture
def cycles(bench, shot):
    """Cycles that drove, each with a frame."""
    drive = bench([shot() for _ in range(20)]).run()
    return [cycle for cycle in drive.cycles if cycle.decision.command.name == "FORWARD"]


def _aged(cycle, age_ns):
    return dataclasses.replace(cycle, sent_ns=cycle.frame.capture_ns + age_ns)


def test_a_motion_on_an_old_frame_is_counted_as_stale_and_a_stop_is_not(cycles, bench, shot):
    statistics = Statistics()
    for age_ms in (20, 150, 151, 180):
        statistics(_aged(cycles[0], age_ms * 1_000_000))
    stop = bench([shot() for _ in range(2)], armed=False).run().cycles[0]
    statistics(_aged(stop, 900_000_000))
    figures = statistics.figures()
    assert figures["stale_commands"] == 2
    assert figures["oldest_frame_driven_on_ms"] == 180
    assert figures["frames"] == 5
    assert figures["frame_age_ms"]["p50"] == 151


def test_stages_and_overhead_are_what_was_measured(cycles):
    statistics = Statistics()
    for _ in range(10):
        statistics(dataclasses.replace(cycles[0], stages_ns=(9, 1_000, 20_000, 300, 4_000, 7)))
    assert statistics.stages_ms()["invoke"] == {"p50": 0.02, "p90": 0.02, "p99": 0.02}
    assert statistics.overhead_ms(99) == pytest.approx(0.0053)
    assert set(statistics.whole_ns()) == {25_300}
    assert set(statistics.stages_ms()) == set(STAGES)


def test_memory_of_statistics_does_not_grow_with_their_use(cycles):
    statistics = Statistics()
    before = process.memory_mib()
    for _ in range(20_000):
        statistics(cycles[0])
    assert process.memory_mib() - before < 0.5


def test_a_process_is_known_by_its_age_memory_and_time():
    before = process.age_s(), process.cpu_s()
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    assert process.age_s() - before[0] >= 0.04
    assert process.cpu_s() - before[1] >= 0.03
    assert 5 < process.memory_mib() <= process.memory_mib(peak=True) < 10_000
