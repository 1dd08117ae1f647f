"""What ``check`` finds out about camera, model and link, by using them as a drive would."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from controller.cameras.pattern import made_up_picture
from controller.cameras.registry import CameraSettings, open_camera
from controller.clock import MonotonicClock
from controller.config import LinkSettings, ModelSettings
from controller.doctor.page import Line, fail, ok, warn
from controller.drive.image_quality import ImageQuality, judge
from controller.drive.supervisor import LEAST_RATE_SHARE
from controller.errors import EndOfFrames
from controller.frames import Frame
from controller.model.interpreter import RUNTIME
from controller.model.pilot import TflitePilot, find_model
from controller.model.trial import load_pilot
from firmware_bridge.errors import LinkError
from firmware_bridge.links.base import Link
from firmware_bridge.links.registry import open_link
from firmware_bridge.wire.commands import McuStatus, Trip
from firmware_bridge.wire.protocol import VERSION

CAMERA_TIMEOUT_S = 20.0
"""libcamera takes seconds to start on the smallest Pi."""
FIRST_FRAME_S = 8.0
WATCHED_S = 2.0
"""How long frames are counted: the supervisor's own window."""
LINK_TIMEOUT_S = 8.0
FIRST_STATUS_S = 3.0
"""A board that resets when its line is opened sits in its boot loader for up to 2 s."""
MODEL_TIMEOUT_S = 20.0
INVOKES = 50
LONGEST_INVOKE_MS = 100.0
"""Of the 150 ms that a frame is fresh, what camera and line leave to the model."""
FASTER_SHARE, FASTER_MS = 0.8, 0.2
"""Another number of threads is worth naming if a frame takes less than this share of the time, less
this much: threads that wait for each other cost the rest of the car processor time."""
MADE_UP = ("pattern", "replay")
LINK_ADVICE = "plug the board in, or name it in [link] device; who runs this must be in dialout"


def camera_advice(settings: CameraSettings) -> str:
    """What to do about a camera that cannot be had."""
    if settings.source.startswith("picamera2"):
        return "sudo apt install python3-picamera2; `rpicam-hello --list-cameras`; the ribbon cable"
    return "set [camera] source to one that is here; who runs this must be in the group video"


def look_at_camera(settings: CameraSettings) -> list[Line]:
    """Open the camera, watch it for two seconds."""
    advice = camera_advice(settings)
    clock = MonotonicClock()
    asked_s = time.monotonic()
    try:
        with open_camera(settings, clock) as camera:
            first = camera.read(FIRST_FRAME_S * 1000)
            if first is None:
                return [fail("camera", f"opened, but no frame within {FIRST_FRAME_S:g} s", advice)]
            first_s = time.monotonic() - asked_s
            frames = [first]
            end_ns = clock.now_ns() + int(WATCHED_S * 1e9)
            while (left_ms := (end_ns - clock.now_ns()) / 1e6) > 0:
                frame = camera.read(left_ms)
                if frame is not None:
                    frames.append(frame)
    except EndOfFrames:
        return [fail("camera", f"{settings.source}: over before two seconds were", advice)]
    height, width = first.pixels.shape[:2]
    found = f"{settings.source}: {width}x{height} pixels, first frame after {first_s:.2f} s"
    quality = judge(frames[-1].pixels)
    if quality is not ImageQuality.CLEAR:
        line = fail("camera", f"{found}; {quality.value}", "uncover the lens, switch on a light")
    elif settings.source.partition(":")[0] in MADE_UP:
        line = warn("camera", f"{found}; no real camera", "set [camera] source for a real drive")
    else:
        line = ok("camera", found)
    return [line, rate_line(_rate_hz(frames), settings)]


def _rate_hz(frames: list[Frame]) -> float:
    span_ns = frames[-1].capture_ns - frames[0].capture_ns
    return (len(frames) - 1) * 1e9 / span_ns if span_ns > 0 else 0.0


def rate_line(rate_hz: float, settings: CameraSettings) -> Line:
    """Whether the frames come as asked; under 90 % the supervisor would stop the car."""
    found = f"{rate_hz:.1f} of {settings.frame_rate_hz:g} frames/s"
    if rate_hz < settings.frame_rate_hz * LEAST_RATE_SHARE:
        return fail(
            "frame rate",
            f"{found}; under {LEAST_RATE_SHARE:.0%} the car stops",
            "more light, a fixed exposure_us, or a lower frame_rate_hz",
        )
    return ok("frame rate", found)


def look_at_model(settings: ModelSettings, camera: CameraSettings) -> list[Line]:
    """Load the model with its card and run it as a drive does."""
    pilot = load_pilot(find_model(settings.name), settings.threads)
    card = pilot.card
    line = ok("model", f"{card.name}, {card.sha256[:12]}, {card.width}x{card.height}, as its card")
    typical_ms, slow_ms = _inference_ms(pilot)
    threads = f"{settings.threads} thread{'s' * (settings.threads > 1)}"
    found = f"{typical_ms:.2f} ms, at worst {slow_ms:.2f} ms ({RUNTIME}, {threads})"
    period_ms = 1000 / camera.frame_rate_hz
    if slow_ms > LONGEST_INVOKE_MS:
        advice = "a smaller model: frames are too old when it is done"
        return [line, fail("inference", found, advice)]
    if typical_ms > period_ms:
        advice = f"frames come every {period_ms:.0f} ms and will be skipped: a smaller model"
        return [line, warn("inference", found, advice)]
    better = faster_threads(settings, typical_ms)
    if better is not None:
        return [line, warn("inference", found, f"set [model] threads = {better}, it is faster")]
    return [line, ok("inference", found)]


def faster_threads(settings: ModelSettings, now_ms: float) -> int | None:
    """Another number of threads with which the model runs markedly faster, as measured here.

    Args:
        settings: The model, and how many threads it has.
        now_ms: What it takes with these, ms.
    """
    best, best_ms = None, now_ms * FASTER_SHARE - FASTER_MS
    for threads in (1, 2, 4):
        if threads != settings.threads and threads <= (os.cpu_count() or 1):
            typical_ms, _ = _inference_ms(load_pilot(find_model(settings.name), threads))
            if typical_ms < best_ms:
                best, best_ms = threads, typical_ms
    return best


def _inference_ms(pilot: TflitePilot) -> tuple[float, float]:
    """Percentiles 50 and 99 of a model's time, ms."""
    picture = made_up_picture(1, *pilot.shape)
    times_ms = []
    for _ in range(INVOKES):
        pilot.fit(picture)
        start_ns = time.perf_counter_ns()
        pilot.infer()
        times_ms.append((time.perf_counter_ns() - start_ns) / 1e6)
    typical_ms, slow_ms = np.percentile(times_ms[5:], [50, 99])  # the first ones warm caches
    return float(typical_ms), float(slow_ms)


def look_at_link(settings: LinkSettings) -> list[Line]:
    """Open the line, send nothing, and listen to the microcontroller."""
    try:
        with open_link(settings.device, MonotonicClock()) as link:
            if settings.device.startswith("plain:"):
                found = f"{settings.device}: open; single letters, nothing protects the car"
                return [
                    warn("link", found, "flash the firmware: `python -m firmware_bridge --help`")
                ]
            return _listen(link, settings.device)
    except LinkError as error:
        return [fail("link", str(error), LINK_ADVICE)]


def _listen(link: Link, device: str) -> list[Line]:
    end_s = time.monotonic() + FIRST_STATUS_S
    while not link.health().connected and time.monotonic() < end_s:
        time.sleep(0.02)
    health = link.health()
    if health.status is None:
        return [
            fail(
                "link",
                f"{device}: open, but silent for {FIRST_STATUS_S:g} s",
                "flash the firmware, check the cable",
            )
        ]
    age_ms = health.status_age_ns / 1e6
    if not health.connected:
        return [fail("link", f"{device}: last status {age_ms:.0f} ms old", "check the cable")]
    return [ok("link", f"{device}: statuses arrive"), firmware_line(health.status)]


def firmware_line(status: McuStatus) -> Line:
    """What the microcontroller says of itself."""
    battery = "" if status.battery_mv is None else f", battery {status.battery_mv / 1000:.2f} V"
    found = (
        f"protocol {status.version} (here {VERSION}), up {status.uptime_ms / 1000:.0f} s, "
        f"{status.state.name.lower()}, last trip {status.trip.name.lower()}{battery}"
    )
    if status.trip is Trip.ESTOP:
        return fail("firmware", found, "release the emergency stop, then reset the board")
    if status.trip is Trip.BATTERY:
        return fail("firmware", found, "charge the motors' battery, then reset the board")
    return ok("firmware", found)


def look_at_running_drive(answer: dict[str, Any], camera: CameraSettings) -> list[Line]:
    """Camera and line as the drive that has them says.

    Args:
        answer: What `controller.service.control_client.ask` gave.
        camera: What was asked of the camera.
    """
    lines = [ok("drive", f"running: {answer['state']}, {answer.get('reason')}")]
    rate_hz = float(answer.get("frame_rate_hz") or 0.0)
    lines.append(rate_line(rate_hz, camera))
    if answer.get("link_connected"):
        found = f"microcontroller {answer.get('mcu_state')}, last trip {answer.get('mcu_trip')}"
        lines.append(ok("link", found))
    else:
        lines.append(fail("link", "the running drive hears nothing", LINK_ADVICE))
    return lines
