"""Put the car together from its configuration and drive it."""

from __future__ import annotations

import contextlib
import datetime
import gc
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2

from controller import __version__
from controller.cameras.registry import open_camera
from controller.clock import Clock, MonotonicClock
from controller.config import Config
from controller.cycle import Cycle, Sink
from controller.drive.loop import Loop
from controller.drive.statistics import Statistics
from controller.drive.supervisor import Supervisor
from controller.drive.warm_up import is_quick, warm_up_pipelines
from controller.errors import UsageError
from controller.model.interpreter import RUNTIME
from controller.model.pilot import TflitePilot, find_model, forward_weight_of
from controller.model.trial import load_pilot
from controller.recording.recorder import Recorder
from controller.service.board_watch import BoardWatch
from controller.service.control import ControlSocket
from controller.service.systemd import ServiceReport, StateLog, give_back_memory, lock_memory
from controller.system import process
from controller.system.signals import stop_on_signals
from firmware_bridge.links.registry import open_link

_log = logging.getLogger(__name__)

HANDSHAKE_S = 0.3
"""How long a start waits for the microcontroller's first status, in s: six of its periods."""
PROGRESS_NS = 1_000_000_000
"""How often `Progress` says something, ns."""


class Progress:
    """A sink that says once a second what the car does."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._due_ns = 0
        self._frames = 0
        self._since_ns = 0

    def __call__(self, cycle: Cycle) -> None:
        """Count the cycle; say a line when one is due."""
        self._frames += cycle.frame is not None
        if cycle.sent_ns < self._due_ns:
            return
        elapsed_ns = cycle.sent_ns - self._since_ns
        rate_hz = self._frames * 1e9 / elapsed_ns if self._since_ns else 0.0
        decision = cycle.decision
        self._say(
            f"{decision.state.value:8} {decision.command.name:8} {rate_hz:5.1f} frames/s  "
            f"frame age {cycle.age_ns / 1e6:5.1f} ms  {decision.reason.value}"
        )
        self._frames, self._since_ns = 0, cycle.sent_ns
        self._due_ns = cycle.sent_ns + PROGRESS_NS


def drive_metadata(pilot: TflitePilot, **more: str) -> dict[str, str]:
    """The ``drive`` metadata record of a recording with this pilot."""
    return {
        "model": pilot.card.name,
        "model_sha256": pilot.card.sha256,
        "input": f"{pilot.shape[0]}x{pilot.shape[1]}x3 uint8 RGB",
        "classes": "forward,left,right",
        "runtime": RUNTIME,
        "paperlane": __version__,
        "python": sys.version.split()[0],
        **more,
    }


def settle() -> None:
    """Make the steady state steady: call once everything is loaded.

    What was made while loading is left out of garbage collection, OpenCV keeps to the thread that
    calls it (its pool costs more than it gives at these sizes), and a thread that wants the
    interpreter lock gets it after 0.5 ms instead of Python's 5 ms.
    """
    gc.collect()
    gc.freeze()
    give_back_memory()
    cv2.setNumThreads(1)
    sys.setswitchinterval(0.0005)


class FirstDecision:
    """A sink that notes how long the process took to its first decision."""

    def __init__(self) -> None:
        self.after_s = 0.0
        """From the start of the process, in s; 0 before there was one."""

    def __call__(self, cycle: Cycle) -> None:
        """See a cycle."""
        if not self.after_s and cycle.frame is not None:
            self.after_s = process.age_s()
            _log.info("first decision %.2f s after the process started", self.after_s)


def drive(
    config: Config, seconds: float | None = None, watchers: Sequence[Sink] = ()
) -> Statistics:
    """Drive until SIGTERM, SIGINT, the camera's end or `seconds` are over.

    Args:
        config: The car.
        seconds: Drive so long at most; None for ever.
        watchers: See every cycle too.

    Returns:
        The figures of the drive.

    Raises:
        ControllerError: On wrong settings, or when a device failed for good; STOP was sent.
        BridgeError: If the link cannot be opened.
    """
    _check_world(config.camera.source, config.link.device)
    clock = MonotonicClock()
    supervisor = Supervisor(config.supervisor, config.smoothing, config.camera.frame_rate_hz)
    statistics = Statistics()
    end_ns = None if seconds is None else clock.now_ns() + int(seconds * 1e9)
    with contextlib.ExitStack() as stack:
        stopped = stack.enter_context(stop_on_signals(supervisor.shut_down))
        # The line's first word is waited for at the end, when camera and model are there.
        link = stack.enter_context(open_link(config.link.device, clock, greet=False))
        if config.link.device.startswith("plain:"):
            _log.warning("a plain link: if this process dies, nothing stops the motors")
        pilot = load_pilot(find_model(config.model.name), config.model.threads)
        supervisor.forward_weight = forward_weight_of(pilot)
        settle()
        statistics.model_warmed_up = is_quick(pilot, config.camera.frame_rate_hz)
        camera = stack.enter_context(open_camera(config.camera, clock))
        sinks: list[Sink] = [*watchers, statistics]
        sinks.append(stack.enter_context(BoardWatch(supervisor)))
        recorder = stack.enter_context(_recorder(config, pilot, clock))
        link.greet(HANDSHAKE_S)
        # From here on all is there that can be wrong, so that what is wrong is said alone.
        if recorder is not None:
            _log.info("recording %s", recorder.path)
            sinks.append(recorder)
        sinks.extend(_outside(config, supervisor, stack))
        if config.supervisor.arm_at_start:
            supervisor.arm(pardon=False)
        pipelines = warm_up_pipelines(pilot, link, model=statistics.model_warmed_up)
        loop = Loop(camera, pilot, supervisor, link, clock, sinks, warm_up=pipelines)
        loop.run(lambda: not stopped() and (end_ns is None or clock.now_ns() < end_ns))
    return statistics


def _check_world(camera: str, link: str) -> None:
    if camera != link and camera.startswith("simulated:") and link.startswith("simulated:"):
        raise UsageError(
            f"camera {camera} and link {link} are of two simulated worlds; name the same one twice"
        )


def _recorder(
    config: Config, pilot: TflitePilot, clock: Clock
) -> contextlib.AbstractContextManager[Recorder | None]:
    if not config.recording.folder:
        return contextlib.nullcontext()
    stamp = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S-%f")[:-3]
    path = Path(config.recording.folder) / f"drive-{stamp}.mcap"
    facts = drive_metadata(pilot, camera=config.camera.source, link=config.link.device)
    return Recorder(path, facts, clock.now_ns(), config.recording)


def _outside(config: Config, supervisor: Supervisor, stack: contextlib.ExitStack) -> list[Sink]:
    """What connects a drive with the service manager and with its owner."""
    lock_memory()
    report = stack.enter_context(ServiceReport.from_environment())
    sinks: list[Sink] = [
        report,
        Progress(report.line_to(_log.info)),
        StateLog(_log.info),
        stack.enter_context(ControlSocket(config.arming.socket, supervisor)),
    ]
    if config.arming.gpio_pin:
        from controller.service.button import ArmButton

        sinks.append(stack.enter_context(ArmButton(config.arming.gpio_pin, supervisor)))
    if config.dashboard.port:
        from controller.service.dashboard import Dashboard

        sinks.append(stack.enter_context(Dashboard(config.dashboard.port)))
    return sinks
