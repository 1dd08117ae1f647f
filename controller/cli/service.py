"""The subcommands that speak with the service: ``arm``, ``disarm``, ``status``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from controller.cli.common import DONE, FELL_SHORT, add_command, print_json
from controller.config import Config, load_config
from controller.service.control_client import ask
from firmware_bridge.text import printable

INSTALLED_CONFIG = Path("/etc/paperlane/paperlane.toml")
"""Where the installer puts the service's configuration."""
_MAY_DRIVE = ("armed", "driving")


def add_service_commands(commands: Any) -> None:  # noqa: ANN401 - argparse's own type is private
    """Add them to the tree of ``python -m controller``."""
    for word, text in (
        ("arm", "Let the running drive move the car as soon as it is ready."),
        ("disarm", "Make the running drive stand and stay so."),
        ("status", "Say how the running drive stands."),
    ):
        parser = add_command(commands, word, _ask, text, f"python -m controller {word} --json")
        parser.add_argument(
            "--config", type=Path, metavar="FILE", help=f"whose socket ({INSTALLED_CONFIG})"
        )
        parser.add_argument("--socket", metavar="PATH", help="the drive's control socket itself")
        parser.add_argument("--json", action="store_true", help="print the answer as JSON")
        parser.set_defaults(word=word)


def service_config(path: Path | None) -> Config:
    """The configuration named, else the installed service's, else the defaults.

    Raises:
        ConfigError: If it cannot be read.
    """
    if path is None and INSTALLED_CONFIG.exists():
        path = INSTALLED_CONFIG
    return Config() if path is None else load_config(path)


def _ask(arguments: argparse.Namespace) -> int:
    socket = arguments.socket
    if socket is None:
        socket = service_config(arguments.config).arming.socket
    answer = ask(socket, arguments.word)
    if arguments.json:
        print_json(answer)
    else:
        _print(answer)
    if arguments.word == "arm" and answer["state"] not in _MAY_DRIVE:
        return FELL_SHORT
    return DONE


def _print(answer: dict[str, Any]) -> None:
    print(printable(f"{answer['state']}: {answer['reason']}"))
    age_ms = answer.get("frame_age_ms")
    said = (
        f"last command {answer.get('command')}, {answer.get('frame_rate_hz')} frames/s, "
        f"frame age {'unknown' if age_ms is None else f'{age_ms} ms'}"
    )
    print(printable(said))
    if answer.get("error"):
        print(printable(answer["error"]))
    if not answer.get("link_connected"):
        print("link down")
    elif answer.get("mcu_state") is not None:
        battery_mv = answer.get("battery_mv")
        volts = "" if battery_mv is None else f", battery {battery_mv / 1000:.2f} V"
        said = f"microcontroller {answer['mcu_state']}, last trip {answer['mcu_trip']}{volts}"
        print(printable(said))
    if answer.get("control_queue_full"):
        print("somebody floods the control socket: its queue was full")
