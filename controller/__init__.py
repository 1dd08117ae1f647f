"""The on-car runtime: frame, model, command, serial line; safe whatever fails."""
