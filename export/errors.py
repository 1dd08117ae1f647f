"""Errors of export; bad input is a `controller.errors.UsageError`, as everywhere."""

from __future__ import annotations

from controller.errors import ControllerError, UsageError


class ConversionError(ControllerError):
    """The converter ran and failed, or what it made is not what the car may trust."""


class ExportUsageError(UsageError):
    """An export was asked for that cannot be made: a format, a missing held-out drive."""
