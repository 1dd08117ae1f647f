"""What only the ATmega328P has: EEPROM, watchdog, ADC, pins, cycles."""

import pytest

from firmware_bridge.emulation.avr_mcu import AvrMcu
from firmware_bridge.wire.commands import Command, McuState, Trip
from firmware_bridge.wire.protocol import CommandFrame, encode_command
from firmware_bridge.wire.session import HostSession

pytestmark = pytest.mark.needs("simavr")


def status_of(mcu, after_ms=120):
    """Newest of all that it has said since last asked."""
    listener = HostSession()
    mcu.run_until(mcu.time_us + after_ms * 1000)
    return listener.receive(mcu.transmit(), 0)[-1]


def drive(mcu):
    session = status_of(mcu).session
    for sequence in range(1, 10):
        command = Command.STOP if sequence < 5 else Command.FORWARD
        mcu.receive(encode_command(CommandFrame(session, sequence, command, 150)))
        mcu.run_until(mcu.time_us + 20_000)
    assert not mcu.motors.off


def test_no_session_comes_twice_over_power_cycles():
    eeprom = b""
    sessions = []
    for _ in range(20):
        with AvrMcu(eeprom=eeprom) as mcu:
            sessions.append(status_of(mcu).session)
            eeprom = mcu.eeprom
    assert len(set(sessions)) == 20
    assert 0 not in sessions


def test_no_session_comes_twice_when_the_power_goes_while_it_is_stored():
    eeprom = b""
    sessions = []
    for cut_us in range(0, 40_000, 700):
        with AvrMcu(eeprom=eeprom) as mcu:
            mcu.run_until(cut_us)  # eight bytes of 3.4 ms each are written somewhere in here
            eeprom = mcu.eeprom
        with AvrMcu(eeprom=eeprom) as mcu:
            sessions.append(status_of(mcu).session)
            eeprom = mcu.eeprom
    assert len(set(sessions)) == len(sessions)
    assert 0 not in sessions


def test_motor_pins_are_low_from_the_first_instructions():
    with AvrMcu() as mcu:
        for _ in range(3):
            mcu.run_until(60_000)
            assert mcu.motors.off
            mcu.reset()
        assert all(change.motors.off for change in mcu.take_history())


@pytest.mark.parametrize("interrupts", [True, False])
def test_the_hardware_watchdog_bites_a_firmware_that_hangs(interrupts):
    with AvrMcu() as mcu:
        drive(mcu)
        session = status_of(mcu, 20).session
        for sequence in range(20, 30):
            mcu.receive(encode_command(CommandFrame(session, sequence, Command.FORWARD, 150)))
            mcu.run_until(mcu.time_us + 20_000)
        assert not mcu.motors.off
        hung_us = mcu.time_us
        mcu.hang(interrupts=interrupts)
        while not mcu.motors.off:
            mcu.run_until(mcu.time_us + 1000)
        assert mcu.time_us - hung_us < 80_000
        status = status_of(mcu)
        assert status.reset_cause & 8  # WDRF
        assert status.session != session
        assert status.state is McuState.DISARMED


def test_battery_is_measured_and_stops_the_car():
    with AvrMcu(["PL_BATTERY_DIVIDER=300"]) as mcu:
        mcu.set_adc_mv(2500)
        drive(mcu)
        assert status_of(mcu, 30).battery_mv == pytest.approx(7500, abs=20)
        session = status_of(mcu, 20).session
        mcu.set_adc_mv(2000)
        for sequence in range(20, 60):
            mcu.receive(encode_command(CommandFrame(session, sequence, Command.FORWARD, 150)))
            mcu.run_until(mcu.time_us + 20_000)
        assert mcu.motors.off
        assert status_of(mcu).trip is Trip.BATTERY


def test_a_car_without_an_emergency_stop():
    with AvrMcu(["PL_ESTOP_FITTED=0"]) as mcu:
        mcu.set_estop(pressed=True)
        drive(mcu)


def test_an_open_emergency_stop_at_power_on():
    with AvrMcu() as mcu:
        mcu.set_estop(pressed=True)
        assert status_of(mcu).trip is Trip.ESTOP
        with pytest.raises(AssertionError):
            drive(mcu)


def test_motors_mounted_the_other_way_round():
    with AvrMcu(["PL_LEFT_REVERSED=1"]) as mcu:
        drive(mcu)
        assert mcu.motors.left < 0 < mcu.motors.right
        assert status_of(mcu, 20).motors.left > 0


def run_once():
    with AvrMcu() as mcu:
        drive(mcu)
        mcu.run_until(mcu.time_us + 300_000)
        return mcu.take_history(), mcu.transmit()


def test_is_deterministic_to_the_cycle():
    assert run_once() == run_once()


def test_several_at_once_do_not_mix():
    alone = run_once()
    with AvrMcu() as one, AvrMcu() as other:
        for time_us in range(0, 300_000, 5_000):
            one.run_until(time_us)
            other.run_until(time_us)
        drive(one)
        assert other.motors.off
        assert other.state is McuState.DISARMED
    assert run_once() == alone


def test_time_stays_true_over_resets():
    with AvrMcu() as mcu:
        mcu.run_until(100_000)
        mcu.reset()
        mcu.run_until(200_000)
        assert 200_000 <= mcu.time_us <= 200_010
        assert status_of(mcu).uptime_ms < 250
