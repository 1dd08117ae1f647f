"""What ``check`` looks at, in the order of the page."""

from __future__ import annotations

from typing import Any

from controller.config import Config
from controller.doctor.devices import (
    CAMERA_TIMEOUT_S,
    LINK_ADVICE,
    LINK_TIMEOUT_S,
    MODEL_TIMEOUT_S,
    camera_advice,
    look_at_camera,
    look_at_link,
    look_at_model,
    look_at_running_drive,
)
from controller.doctor.machine import Machine
from controller.doctor.page import Probe, warn
from controller.service.control_client import ControlError, NotAllowedError, ask


def all_probes(config: Config, machine: Machine | None = None) -> list[Probe]:
    """The probes for a car.

    Args:
        config: The car.
        machine: The computer; the one that this runs on if None.
    """
    computer = machine or Machine()
    try:
        answer = _running_drive(config)
    except NotAllowedError as error:
        refused = warn("drive", str(error), "as root check can ask it: sudo paperlane check")
        return [Probe("drive", lambda: [refused]), *_other_probes(config, computer)]
    if answer is None:
        devices = [
            Probe(
                "camera",
                lambda: look_at_camera(config.camera),
                CAMERA_TIMEOUT_S,
                camera_advice(config.camera),
            ),
            Probe("link", lambda: look_at_link(config.link), LINK_TIMEOUT_S, LINK_ADVICE),
        ]
    else:  # it has camera and line, which take one user each
        running = answer
        devices = [Probe("drive", lambda: look_at_running_drive(running, config.camera))]
    return [*devices, *_other_probes(config, computer)]


def _other_probes(config: Config, computer: Machine) -> list[Probe]:
    return [
        Probe(
            "model",
            lambda: look_at_model(config.model, config.camera),
            MODEL_TIMEOUT_S,
            "set [model] name to a shipped one, or to a file with its card beside it",
        ),
        Probe("board", computer.look_at_board),
        Probe("power", computer.look_at_power),
        Probe("temperature", computer.look_at_temperature),
        Probe("disk", lambda: computer.look_at_disk(config.recording.folder)),
        Probe("clock", computer.look_at_clock),
        Probe("service", computer.look_at_service),
    ]


def _running_drive(config: Config) -> dict[str, Any] | None:
    if not config.arming.socket:
        return None
    try:
        return ask(config.arming.socket, "status")
    except NotAllowedError:
        raise
    except ControlError:
        return None
