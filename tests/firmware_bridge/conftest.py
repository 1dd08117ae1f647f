"""A rig that speaks raw frames to a microcontroller in virtual time."""

import time

import pytest

from firmware_bridge.emulation.base import Microcontroller
from firmware_bridge.emulation.registry import MICROCONTROLLERS, open_microcontroller
from firmware_bridge.wire.commands import Command, McuState, McuStatus, MotorOutputs, Trip
from firmware_bridge.wire.protocol import COUNTERS, CommandFrame, encode_command
from firmware_bridge.wire.session import HostSession

FRAME_MS = 2
"""A command frame takes 1.7 ms on the line."""
STATUS = McuStatus(
    version=1,
    session=0xABCD,
    sequence=0,
    state=McuState.DRIVING,
    trip=Trip.RESET,
    applied=Command.STOP,
    motors=MotorOutputs(0.0, 0.0),
    battery_mv=None,
    uptime_ms=0,
    reset_cause=1,
    counters=dict.fromkeys(COUNTERS, 0),
)


def wait_for(condition, seconds=3.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


class Rig:
    def __init__(self, mcu: Microcontroller) -> None:
        self.mcu = mcu
        self.now_ms = 0.0
        self.statuses: list[McuStatus] = []
        self.sequence = 0
        self._listener = HostSession()
        self.run(100)

    @property
    def status(self) -> McuStatus:
        """Newest status; run for 60 ms first to be sure that it is of now."""
        return self.statuses[-1]

    def run(self, for_ms: float) -> None:
        self.now_ms += for_ms
        self.mcu.run_until(round(self.now_ms * 1000))
        self.statuses += self._listener.receive(self.mcu.transmit(), 0)

    def frame(self, command: Command, ttl_ms: int = 100, **changes: int) -> bytes:
        self.sequence += 1
        fields = {"session": self.status.session, "sequence": self.sequence, **changes}
        return encode_command(CommandFrame(command=command, ttl_ms=ttl_ms, **fields))

    def send(self, command: Command, ttl_ms: int = 100, **changes: int) -> None:
        self.mcu.receive(self.frame(command, ttl_ms, **changes))
        self.run(FRAME_MS)

    def arm(self) -> None:
        self.sequence = 0
        for _ in range(3):
            self.send(Command.STOP)

    def drive(self, command: Command = Command.FORWARD, for_ms: int = 100) -> None:
        """Armed before, driving afterwards, the last command just sent."""
        for _ in range(for_ms // 20):
            self.send(command)
            self.run(18)
        self.send(command)

    def count(self, name: str) -> int:
        return self.status.counters[name]


@pytest.fixture
def make_rig():
    """Makes rigs by name of the build."""
    made = []

    def make(name: str) -> Rig:
        made.append(Rig(open_microcontroller(name)))
        return made[-1]

    yield make
    for rig in made:
        rig.mcu.close()


@pytest.fixture(params=sorted(MICROCONTROLLERS))
def rig(request, make_rig):
    """The same tests over every build of the firmware."""
    return make_rig(request.param)
