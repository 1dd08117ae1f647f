"""Errors of the runtime: each message says what was found, what was expected and what to do."""


class ControllerError(Exception):
    """Base of every error of this package."""


class UsageError(ControllerError):
    """Wrong input: a path, a key, a value. Commands end with exit code 2."""


class ConfigError(UsageError):
    """A configuration file names an unknown key or a value of a wrong type, unit or range."""


class ModelError(UsageError):
    """A model or its card is missing, broken, or the two do not belong together."""


class DriveError(UsageError):
    """A file is not a drive, or holds nothing that can be replayed."""


class DataError(UsageError):
    """A data set is broken; the message names the file and the row."""


class CameraError(ControllerError):
    """A camera cannot be opened, or has stopped for good. Ends the process: systemd restarts it."""


class NoDeviceError(UsageError):
    """A device of this name is not there: it is named wrongly, or comes later."""


class LateDeviceError(ControllerError):
    """A drive's device is not there (yet). Ends the process: systemd starts it again."""


class EndOfFrames(ControllerError):  # noqa: N818 - not an error: a recording is over
    """A camera that plays a recording has played all of it."""


class ReplayError(ControllerError):
    """The other end of the line does not play along."""
