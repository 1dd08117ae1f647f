import pytest

from firmware_bridge.verification.faults import FAULTS, run_fault

pytestmark = pytest.mark.needs("simavr")


@pytest.mark.parametrize("fault", FAULTS)
def test_motors_are_off_in_time_and_stay_off_until_armed_anew(fault):
    row = run_fault(fault, runs=6, seed=2)
    assert row.worst_ms <= row.limit_ms
    assert row.moved == 0
    assert row.stuck == 0


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_hundred_times(fault):
    assert run_fault(fault, runs=100, seed=1).ok


def test_is_deterministic():
    assert run_fault("line cut", 3, 5) == run_fault("line cut", 3, 5)
