"""What only an owner ends: an emergency stop or a low battery, over resets of this process too.

Today's protocol has no word for the owner's pardon. What it has is the microcontroller's last trip,
which stays as it is while the microcontroller is disarmed; STOPs arm it, and once it is armed it
forgets that trip by silence when this process dies. So a pardon is to send STOPs again, and no
pardon is to send nothing. A message of its own, when the protocol has one, is sent where `asked`
becomes true, and stands in the status in the place of `_ends`.
"""

from __future__ import annotations

from firmware_bridge.wire.commands import McuState, Trip
from firmware_bridge.wire.session import LinkHealth

PARDON_NS = 1_000_000_000
"""How long the microcontroller may take to arm after its owner's pardon, in ns."""
PARDON_STOPS = 4
"""STOPs that it may accept meanwhile: three arm it, one may be lost. If it is disarmed after that,
its button is held or its battery low."""
_LOCKING_TRIPS = frozenset({Trip.ESTOP, Trip.BATTERY})


class Locks:
    """Latches an emergency stop or a low battery, whatever else is wrong, until the owner arms.

    The owner's arming pardons the trip that the microcontroller tells of then. If it is disarmed,
    the STOPs that now go out arm it; if they do not, its button is held or its battery low, and the
    pardon is void.
    """

    def __init__(self) -> None:
        self.locked = False
        """Whether nothing may move, or be sent that helps to."""
        self._asked = False
        self._session: int | None = None
        self._ends: tuple[int, int] | None = None

    def ask_pardon(self, *, pardon: bool) -> None:
        """The car was armed; by somebody who asks at this moment, or by nobody (`arm_at_start`)."""
        self._asked = pardon

    def watch(self, now_ns: int, health: LinkHealth) -> None:
        """See what the microcontroller says. To be called at every decision.

        Args:
            now_ns: Time on the loop's clock.
            health: The link, just asked.
        """
        status = health.status
        if status is None:
            return
        locking = status.trip in _LOCKING_TRIPS
        if self._asked:
            self._asked = self.locked = False
            self._ends = None
            if locking:
                self._session = status.session
                self._ends = now_ns + PARDON_NS, status.sequence + PARDON_STOPS
        if self._ends is not None:
            end_ns, sequence = self._ends
            if status.state is not McuState.DISARMED or status.session != self._session:
                self._ends = None
            elif now_ns >= end_ns or status.sequence >= sequence:
                self._ends = self._session = None
        if locking and status.session != self._session:
            self.locked = True

    def silences(self, health: LinkHealth) -> bool:
        """Whether not even STOP may be sent: it would help to arm."""
        status = health.status
        return self.locked and status is not None and status.state is McuState.DISARMED
