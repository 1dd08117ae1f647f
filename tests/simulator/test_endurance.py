from __future__ import annotations

import pytest

from simulator.errors import SimulatorError
from simulator.evaluation.endurance import endure, table
from simulator.evaluation.endurance_watch import Watch
from simulator.world.world import WorldConfig


def test_a_controller_in_its_own_process_drives_a_simulated_car_in_real_time():
    said = []
    figures = endure(WorldConfig("oval", 1), "default", 6.0, said.append)
    assert figures["stale_commands"] == figures["stale_commands_recorded"] == 0
    assert figures["recording"]["frames"] == figures["frames"] >= 100
    assert figures["distance_m"] > 0.05  # it moved: how far says only how busy the machine was
    assert figures["departures"] == 0
    assert figures["memory_mib"]["peak"] > 30
    assert figures["mcu_counters"]["accepted"] >= 100
    text = table(figures)
    assert f"stale commands    0 of {figures['commands']['FORWARD']}"[:20] in text
    assert "held" in text


def test_a_controller_that_cannot_drive_is_an_error_with_its_words():
    with pytest.raises(SimulatorError, match="no such model file"):
        endure(WorldConfig("oval", 1), "/no/such.tflite", 6.0, print)


def test_growth_is_the_slope_after_the_first_minute():
    watch = Watch(0)
    watch.samples = [(float(s), 90.0) for s in range(0, 60, 5)]
    watch.samples += [(float(s), 70 + 0.5 * s / 3600) for s in range(60, 600, 5)]
    assert watch.growth_mib_per_h() == pytest.approx(0.5)
