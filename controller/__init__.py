"""The on-car runtime: frame, model, command, serial line; safe whatever fails."""

__version__ = "0.1.0"
