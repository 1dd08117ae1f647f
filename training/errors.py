"""Errors of training; broken data is `controller.errors.DataError`, a broken model `ModelError`."""

from __future__ import annotations

from controller.errors import ControllerError, UsageError


class TrainingError(ControllerError):
    """Training ran and could not finish, for instance because the loss is no number any more."""


class RunError(UsageError):
    """A run folder holds another run, or something that is not a run."""


class SpecError(UsageError):
    """A network, recipe or split was asked for that does not exist or cannot be built."""
