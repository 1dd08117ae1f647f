"""A button on the Pi's pins that arms and disarms the car.

Through gpiozero from the Pi's own packages (python3-gpiozero), imported only for a car that has
such a button. The button connects the pin to ground; the pin's own pull-up holds it high.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, Self

from controller.cycle import Cycle
from controller.drive.supervisor import Supervisor
from controller.errors import UsageError
from controller.service.control import toggle

_log = logging.getLogger(__name__)

BOUNCE_S = 0.05
"""How long a press is deaf to the next: contacts of cheap buttons chatter for some 10 ms."""


class ArmButton:
    """A sink of the loop that toggles when the button was pressed; a context manager.

    gpiozero calls back from a thread of its own, which only leaves a note; the loop's thread acts
    on it. Presses between two cycles count as one.
    """

    def __init__(self, pin: int, supervisor: Supervisor) -> None:
        """Nothing is opened yet.

        Args:
            pin: GPIO, Broadcom number.
            supervisor: Armed and disarmed from the thread that calls this sink.
        """
        self._pin = pin
        self._supervisor = supervisor
        self._pressed = threading.Event()
        self._button: Any = None

    def __enter__(self) -> Self:
        """Take the pin.

        Raises:
            UsageError: gpiozero is not installed, or the pin cannot be had.
        """
        try:
            from gpiozero import Button  # type: ignore[import-not-found,import-untyped,unused-ignore]
        except ImportError as error:
            raise UsageError(
                f"[arming] gpio_pin = {self._pin}: {error}; sudo apt install python3-gpiozero"
            ) from error
        try:
            self._button = Button(self._pin, pull_up=True, bounce_time=BOUNCE_S)
        except Exception as error:  # its pin libraries' errors have no base in common
            raise UsageError(
                f"[arming] gpio_pin = {self._pin}: {error}; is this a Raspberry Pi, the pin free "
                "and this user in the group gpio?"
            ) from error
        self._button.when_pressed = self._pressed.set
        return self

    def __exit__(self, *_: object) -> None:
        if self._button is not None:
            self._button.close()
            self._button = None

    def __call__(self, cycle: Cycle) -> None:
        """Toggle if the button was pressed since the last cycle."""
        if not self._pressed.is_set():
            return
        self._pressed.clear()
        toggle(self._supervisor)
        _log.info("%s by the button", self._supervisor.state.value)
