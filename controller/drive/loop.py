"""The loop: a frame arrives, a command leaves."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from controller.cameras.base import Camera
from controller.clock import Clock
from controller.cycle import Cycle, Decision, Sink
from controller.drive.freeze import FreezeDetector
from controller.drive.image_quality import judge
from controller.drive.supervisor import Supervisor
from controller.errors import CameraError, EndOfFrames
from controller.frames import Frame
from controller.model.pilot import Pilot
from firmware_bridge.links.base import Link

LONGEST_WAIT_MS = 50.0
"""How long the loop waits for a frame before it looks after the link again, in ms."""
CAMERA_LOST_NS = 5_000_000_000
"""Silence after which the camera is given up and the process ends, ns: drivers that hang this long
are helped by nothing but a new process, and the service manager starts one."""
LEAST_SILENT_CYCLES = 10
"""Turns without a frame before that is believed: after the whole process has stood still (SIGSTOP),
the first ones come before the camera's thread can go on."""
FINAL_STOPS = 3
"""STOPs sent on leaving: one would do, the line may lose one."""


SPARE_NS = 200_000
"""How long before a frame is due its warm-up should be over, ns: a wait so short leaves the
processor's caches nearly as they are; timers are late by less."""
LONGEST_WARM_UP_NS = 2_000_000
"""What a warm-up may take before it is left out, ns: it would hold up the frame itself."""


_log = logging.getLogger(__name__)


class ArrivalPredictor:
    """When the next frame should come, as those before it say.

    It follows how late each is only in part: most of that is the computer's, not the camera's.
    """

    def __init__(self) -> None:
        self._last_ns = 0
        self._period_ns = 0
        self.next_ns = 0
        """The time of the next frame; a past one while no rate is known."""

    def observe(self, now_ns: int) -> None:
        """A frame has come."""
        late_ns = now_ns - self.next_ns
        gap_ns, self._last_ns = now_ns - self._last_ns, now_ns
        if 4 * abs(late_ns) > self._period_ns:  # the first ones, a pause, another rate
            self._period_ns = gap_ns
            self.next_ns = now_ns + gap_ns
        else:
            self._period_ns += late_ns // 32
            self.next_ns += self._period_ns + late_ns // 4


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What a frame goes through on its way to a command.

    Attributes:
        pilot: The model.
        supervisor: Decides.
        link: Carries the command.
        freeze: Tells how old a picture really is.
    """

    pilot: Pilot
    supervisor: Supervisor
    link: Link
    freeze: FreezeDetector


class Loop:
    """Drives camera -> pilot -> supervisor -> link, one frame at a time, in one thread.

    Devices are opened and closed by the caller. Whatever ends `run`, STOP is sent last.
    """

    def __init__(
        self,
        camera: Camera,
        pilot: Pilot,
        supervisor: Supervisor,
        link: Link,
        clock: Clock,
        sinks: Sequence[Sink] = (),
        stopwatch: Callable[[], int] = time.perf_counter_ns,
        warm_up: Sequence[Pipeline] = (),
    ) -> None:
        """Put the parts together.

        Args:
            camera: An open camera.
            pilot: The model.
            supervisor: Decides; the caller arms it.
            link: An open link.
            clock: The time of frames, commands and the supervisor.
            sinks: Called with every cycle, in this order.
            stopwatch: Real ns, for the stages; a virtual clock stands still while code runs.
            warm_up: Run before each frame is due, one after the other; see
                `controller.drive.warm_up`.
        """
        self._camera = camera
        self._pipeline = Pipeline(pilot, supervisor, link, FreezeDetector())
        self._supervisor = supervisor
        self._link = link
        self._clock = clock
        self._sinks = tuple(sinks)
        self._stopwatch = stopwatch
        self._warm_up = tuple(warm_up)
        self._arrivals = ArrivalPredictor()
        self._warm_up_ns = SPARE_NS
        self._last: Frame | None = None
        self._heard_ns = 0
        self._silent_cycles = 0
        self._sinks_ns = 0

    def run(self, keep_going: Callable[[], bool]) -> None:
        """Drive until `keep_going` says no or a recording is over.

        Raises:
            CameraError: If the camera has stopped for good (STOP has been sent).
        """
        self._heard_ns = self._clock.now_ns()
        try:
            while keep_going():
                cycle = self._cycle()
                if cycle is not None:
                    left = self._stopwatch()
                    for sink in self._sinks:
                        sink(cycle)
                    self._sinks_ns = self._stopwatch() - left
        except EndOfFrames:
            return
        finally:
            for _ in range(FINAL_STOPS):
                self._send_final_stop()

    def _send_final_stop(self) -> None:
        try:
            self._link.send_last_stop()
        except Exception:  # noqa: BLE001 - nothing may keep the next STOP from being tried
            _log.exception("a last STOP could not be sent")

    def _cycle(self) -> Cycle | None:
        start = self._stopwatch()
        frame = self._wait()
        waited = self._stopwatch()
        if frame is None:
            return self._silence(start, waited)
        self._heard_ns = self._clock.now_ns()
        self._silent_cycles = 0
        cycle = self._process(frame, self._pipeline, start, waited)
        self._arrivals.observe(self._heard_ns)
        self._last = frame
        return cycle

    def _wait(self) -> Frame | None:
        now_ns = self._clock.now_ns()
        patience_ms = self._supervisor.patience_ms(now_ns, LONGEST_WAIT_MS)
        if self._warm_up and self._last is not None:
            early_ms = (self._arrivals.next_ns - self._warm_up_ns - SPARE_NS - now_ns) / 1e6
            if self._warm_up_ns > LONGEST_WARM_UP_NS:
                self._warm_up_ns -= self._warm_up_ns // 64  # tried again in a second or so
            elif 0 < early_ms < patience_ms:
                frame = self._camera.read(early_ms)
                if frame is not None:
                    return frame
                self._run_warm_up(self._last)
                patience_ms = self._supervisor.patience_ms(self._clock.now_ns(), LONGEST_WAIT_MS)
        return self._camera.read(patience_ms)

    def _run_warm_up(self, frame: Frame) -> None:
        start_ns = self._clock.now_ns()
        for pipeline in self._warm_up:
            self._process(Frame(frame.pixels, 0, start_ns, frame.stamp), pipeline, 0, 0)
        took_ns = self._clock.now_ns() - start_ns
        self._warm_up_ns += (took_ns - self._warm_up_ns) // 4

    def _process(self, frame: Frame, pipeline: Pipeline, start: int, waited: int) -> Cycle:
        """From the frame to its command."""
        fitted_pixels = pipeline.pilot.fit(frame.pixels)
        content = fitted_pixels.tobytes()
        new_ns = pipeline.freeze.look(content, frame)
        quality = judge(fitted_pixels)
        fitted = self._stopwatch()
        probabilities = pipeline.pilot.infer()
        inferred = self._stopwatch()
        health = pipeline.link.health()
        decision = pipeline.supervisor.on_frame(
            self._clock.now_ns(), frame.capture_ns, probabilities, health, quality, new_ns
        )
        decided = self._stopwatch()
        sequence = _send(pipeline.link, decision)
        sent_ns = self._clock.now_ns()
        sent = self._stopwatch()
        forward, left, right = probabilities.tolist()
        pixels = np.frombuffer(content, np.uint8).reshape(fitted_pixels.shape)
        return Cycle(
            Frame(pixels, frame.sequence, frame.capture_ns),
            pixels,
            (forward, left, right),
            decision,
            sequence,
            sent_ns,
            (
                waited - start,
                fitted - waited,
                inferred - fitted,
                decided - inferred,
                sent - decided,
                self._sinks_ns,
            ),
            health,
        )

    def _silence(self, start: int, waited: int) -> Cycle | None:
        now_ns = self._clock.now_ns()
        self._silent_cycles += 1
        lost = now_ns - self._heard_ns >= CAMERA_LOST_NS
        if lost and self._silent_cycles >= LEAST_SILENT_CYCLES:
            raise CameraError(
                f"the camera has given no picture for {CAMERA_LOST_NS / 1e9:.0f} s; "
                "check its cable, then start again"
            )
        health = self._link.health()
        decision = self._supervisor.on_silence(now_ns, health)
        decided = self._stopwatch()
        if decision is None:
            return None
        sequence = _send(self._link, decision)
        sent_ns = self._clock.now_ns()
        took_ns = self._stopwatch() - decided
        stages_ns = (waited - start, 0, 0, decided - waited, took_ns, self._sinks_ns)
        return Cycle(None, None, None, decision, sequence, sent_ns, stages_ns, health)


def _send(link: Link, decision: Decision) -> int:
    """Send what was decided; gives its sequence number, 0 for none."""
    return 0 if decision.silent else link.send(decision.command, decision.ttl_ms)
