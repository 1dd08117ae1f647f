"""The car's configuration: a TOML file of a few sections, every key with a default."""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from controller.cameras.registry import CameraSettings
from controller.drive.smoothing import SmoothingSettings
from controller.drive.supervisor import SupervisorSettings
from controller.errors import ConfigError, UsageError
from controller.files import read_text_bounded
from controller.recording.recorder import RecordingSettings
from controller.service.control import ArmingSettings

T = TypeVar("T")
MOST_CONFIG_BYTES = 64 << 10
"""Of a configuration file: some 16 times the one that explains each key."""


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Where the motors are.

    Attributes:
        device: A path, a pattern such as ``/dev/serial/by-id/*``, a pyserial URL, or
            ``plain:PATH`` for firmware that knows only single letters (no protection).
    """

    device: str = "/dev/serial/by-id/*"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which model drives.

    Attributes:
        name: A shipped model's name or the path of a ``.tflite`` file with its card.
        threads: CPU threads of the interpreter, 1 to 8.
    """

    name: str = "default"
    threads: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.threads <= 8:
            raise UsageError(f"threads is {self.threads}, must be 1 to 8")


@dataclass(frozen=True, slots=True)
class DashboardSettings:
    """Where the page is that shows what the car does, see `controller.service.dashboard`.

    Attributes:
        port: TCP port, 1024 to 65535, of 127.0.0.1 only; 0 for no page.
    """

    port: int = 0

    def __post_init__(self) -> None:
        if self.port != 0 and not 1024 <= self.port <= 65535:
            raise UsageError(f"port is {self.port}, must be 1024 to 65535, or 0 for none")


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that `python -m controller drive` can be told."""

    camera: CameraSettings = field(default_factory=CameraSettings)
    link: LinkSettings = field(default_factory=LinkSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    supervisor: SupervisorSettings = field(default_factory=SupervisorSettings)
    smoothing: SmoothingSettings = field(default_factory=SmoothingSettings)
    arming: ArmingSettings = field(default_factory=ArmingSettings)
    dashboard: DashboardSettings = field(default_factory=DashboardSettings)
    recording: RecordingSettings = field(default_factory=RecordingSettings)


def load_config(path: Path) -> Config:
    """Read a configuration file; what it does not say keeps its default.

    Raises:
        ConfigError: On a file that cannot be read, an unknown section or key, a wrong type or a
            value out of range; the message names file and key and says what would be right.
    """
    try:
        return _read(
            Config, tomllib.loads(read_text_bounded(path, MOST_CONFIG_BYTES)), str(path), ""
        )
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # too many digits, too many brackets
        raise ConfigError(f"{path}: not TOML: {error}") from error


def _read(kind: type[T], table: dict[str, Any], file: str, where: str) -> T:
    types = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{where}{key}"
        if key not in types:
            raise ConfigError(f"{file}: unknown key {name!r}; known here: {', '.join(types)}")
        wanted = types[key]
        if isinstance(wanted, type) and dataclasses.is_dataclass(wanted):
            if not isinstance(value, dict):
                raise ConfigError(f"{file}: {name!r} is a section, write [{name}]")
            values[key] = _read(wanted, value, file, f"{name}.")
        elif type(value) is int and value.bit_length() > 63:
            raise ConfigError(f"{file}: {name} is a number of more than 64 bits, no TOML has those")
        elif wanted is float and type(value) is int:
            values[key] = float(value)
        elif wanted is str and isinstance(value, str) and "\0" in value:
            raise ConfigError(f"{file}: {name} holds a NUL character, which no path or name may")
        elif type(value) is not wanted:
            raise ConfigError(f"{file}: {name} = {value!r} must be of type {wanted.__name__}")
        else:
            values[key] = value
    try:
        return kind(**values)
    except UsageError as error:
        raise ConfigError(f"{file}: [{where.rstrip('.')}] {error}") from error
