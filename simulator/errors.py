"""What can go wrong in a simulation: one base, and the one that a user can mend."""

from controller.errors import ControllerError, UsageError


class SimulatorError(ControllerError):
    """Base of every error of this package."""


class SimulatorUsageError(SimulatorError, UsageError):
    """Wrong input: an unknown track, a value out of range. Commands end with exit code 2."""
