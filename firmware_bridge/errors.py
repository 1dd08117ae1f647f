"""What can go wrong on the way to the motors."""


class BridgeError(Exception):
    """Base of every error of this package; its message says what was found and what to do."""


class LinkError(BridgeError):
    """The serial device cannot be opened, named or used at all."""


class VersionError(LinkError):
    """The peer speaks another protocol version; the message says which side to update."""


class FrameError(BridgeError):
    """Bytes that are no frame of this protocol, or a frame that says something impossible."""


class EmulatorError(BridgeError):
    """The firmware cannot be built or emulated on this machine."""
