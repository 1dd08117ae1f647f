"""Rollout drives: a car is put down all over a track, driven, and the teacher says what is right.

Made for training data: no microcontroller and no serial line, only the car, the camera and their
delays, some ten times faster than a whole `simulator.world.world.World`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from controller.drive.supervisor import choose
from controller.frames import Pixels
from controller.model.pilot import Pilot
from firmware_bridge.emulation.python_mcu import DUTY_FORWARD, DUTY_TURN
from firmware_bridge.wire.commands import Command, MotorOutputs
from firmware_bridge.wire.protocol import FULL_DUTY
from simulator.car.car import CarConfig, make_car
from simulator.teacher.teacher import Teacher
from simulator.track.geometry import Pose, wrap_angle
from simulator.world.scene import Scene

_STEP_S = 0.005

MOTORS = {
    Command.FORWARD: MotorOutputs(DUTY_FORWARD / FULL_DUTY, DUTY_FORWARD / FULL_DUTY),
    Command.LEFT: MotorOutputs(-DUTY_TURN / FULL_DUTY, DUTY_TURN / FULL_DUTY),
    Command.RIGHT: MotorOutputs(DUTY_TURN / FULL_DUTY, -DUTY_TURN / FULL_DUTY),
    Command.STOP: MotorOutputs(0.0, 0.0),
}
"""What the firmware's duties are as motor outputs, once its ramp is over."""


@dataclass(frozen=True, slots=True)
class RolloutConfig:
    """How practice is done.

    Attributes:
        frame_rate_hz: Pictures a second.
        delay_ms: From a picture to the command that it leads to.
        stride: Every so manieth picture is kept: neighbours are near-copies.
        recovery: Whether the car is put down askew and disturbed on its way, so that the way
            back into the lane is practised too.
        noise_share: Share of the time in which a random command drives (with ``recovery``).
        episode_s: How long until the car is put down somewhere else, shortest and longest.
    """

    frame_rate_hz: float = 30.0
    delay_ms: float = 25.0
    stride: int = 4
    recovery: bool = True
    noise_share: float = 0.3
    episode_s: tuple[float, float] = (1.5, 5.0)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One picture with its right answer.

    Attributes:
        pixels: The picture, ``(h, w, 3) uint8`` RGB.
        label: What the teacher would do: 0 forward, 1 left, 2 right.
        time_ns: Time since practice began, ns.
    """

    pixels: Pixels
    label: int
    time_ns: int


class Rollout:
    """One track, one camera, one car, one teacher."""

    def __init__(
        self, scene: Scene, car: CarConfig, teacher: Teacher, config: RolloutConfig, seed: int
    ) -> None:
        """Get ready.

        Args:
            scene: Track and camera.
            car: Which car.
            teacher: Who labels.
            config: How.
            seed: Of the places, the disturbances and the floor's grip.
        """
        self._scene = scene
        self._track = scene.track
        self._teacher = teacher
        self._config = config
        self._rng = np.random.default_rng([seed, 11])
        self._opinions = np.random.default_rng([seed, 21])
        self._car = make_car(car, Pose(0.0, 0.0, 0.0), seed)
        self._along_m = 0.0
        self._left_s = 0.0
        self._disturbed = (Command.FORWARD, 0.0)
        self._put_down()

    def _put_down(self) -> None:
        rng, track = self._rng, self._track
        self._along_m = float(rng.uniform(0.0, track.length_m))
        half_m = track.half_width_at(self._along_m)
        offset_m, turn_rad = 0.0, 0.0
        if self._config.recovery:
            offset_m = float(np.clip(rng.normal(0.0, 0.5), -1.0, 1.0)) * half_m
            turn_rad = float(np.clip(rng.normal(0.0, 0.4), -1.0, 1.0))
        self._car.put(track.pose_at(self._along_m, offset_m, turn_rad))
        self._left_s = float(rng.uniform(*self._config.episode_s))
        self._disturbed = (Command.FORWARD, 0.0)

    def _lost(self) -> bool:
        """Whether the car is so far off that nobody could tell from its picture where to go."""
        station = self._track.locate(self._car.pose, self._along_m)
        self._along_m = station.along_m
        astray_rad = wrap_angle(self._car.pose.heading_rad - station.heading_rad)
        far_m = self._track.half_width_at(station.along_m) + 0.10
        return abs(station.offset_m) > far_m or abs(astray_rad) > math.radians(80.0)

    def _disturb(self, command: Command, period_s: float) -> Command:
        """The command that really drives: now and then a random one, for a while."""
        if not self._config.recovery:
            return command
        wrong, left_s = self._disturbed
        if left_s > 0:
            self._disturbed = (wrong, left_s - period_s)
            return wrong
        mean_s = 0.4
        if self._rng.random() < self._config.noise_share * period_s / mean_s:
            wrong = Command(int(self._rng.integers(3)))
            self._disturbed = (wrong, float(self._rng.uniform(0.1, 2 * mean_s - 0.1)))
        return command

    def _drive(self, command: Command, waiting: deque[Command], period_s: float) -> None:
        """Drive for one picture's time; a command takes effect after the configured delay."""
        waiting.append(command)
        steps = round(period_s / _STEP_S)
        late = min(steps, round(self._config.delay_ms / 1000 / _STEP_S))
        old = waiting.popleft() if len(waiting) > 1 else command
        for index in range(steps):
            self._car.step(MOTORS[old if index < late else waiting[0]], _STEP_S)

    def lessons(self, pilot: Pilot | None = None, forward_weight: float = 1.0) -> Iterator[Lesson]:
        """Practise without an end.

        Args:
            pilot: Who drives (and is disturbed now and then): a model for DAgger (Ross et al.,
                "A Reduction of Imitation Learning and Structured Prediction to No-Regret Online
                Learning", AISTATS 2011); the teacher himself if None.
            forward_weight: The pilot's own.
        """
        period_s = 1.0 / self._config.frame_rate_hz
        waiting: deque[Command] = deque([Command.FORWARD])
        number = 0
        while True:
            self._left_s -= period_s
            if self._left_s <= 0 or self._lost():
                self._put_down()
                waiting = deque([Command.FORWARD])
            pose = self._car.pose
            command = self._teacher.command(pose, self._along_m)
            keep = number % self._config.stride == 0
            if keep or pilot is not None:
                pixels = self._scene.picture(pose, self._car.turn_rate_radps)
                if pilot is not None:
                    pilot.fit(pixels)
                    chosen = choose(pilot.infer(), forward_weight)
                    command = Command.FORWARD if chosen is None else chosen
                if keep:
                    time_ns = round(number * period_s * 1e9)
                    label = self._teacher.label(pose, self._along_m, self._opinions)
                    yield Lesson(pixels, int(label), time_ns)
            self._drive(self._disturb(command, period_s), waiting, period_s)
            number += 1
