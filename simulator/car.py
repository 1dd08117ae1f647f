"""The car: two driven wheels, motors that lag, a floor that is not quite even."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from firmware_bridge.commands import MotorOutputs
from simulator.geometry import Pose

GRIP_PERIOD_S = 0.4
"""How long a change of the wheels' grip lasts (time constant of its random walk)."""


@dataclass(frozen=True, slots=True)
class CarConfig:
    """A differential-drive car.

    With the firmware's duties the default drives at 0.25 m/s straight on and turns in place at
    about 1.6 rad/s, which is what toy cars of 0.2 m do.

    Attributes:
        top_speed_mps: Speed of a wheel at full duty and full battery.
        dead_band: Duty below which a motor does not turn, 0 to 1.
        motor_lag_s: Time constant of a wheel's speed.
        track_width_m: Distance between the wheels, with the scrubbing of in-place turns: about
            twice what a ruler shows on a car with four wheels or a dragging caster.
        pull: How much faster the right wheel runs than the left, as a share; the car's own fault.
        slip: Standard deviation of each wheel's speed by uneven grip, as a share.
        battery_sag_per_min: Share of the speed that is lost with each minute of driving.
    """

    top_speed_mps: float = 0.445
    dead_band: float = 0.15
    motor_lag_s: float = 0.06
    track_width_m: float = 0.26
    pull: float = 0.0
    slip: float = 0.02
    battery_sag_per_min: float = 0.01

    def wheel_speed(self, duty: float) -> float:
        """Speed in m/s that a wheel settles at, for a duty of -1 to 1."""
        strength = max(0.0, abs(duty) - self.dead_band) / (1.0 - self.dead_band)
        return math.copysign(strength * self.top_speed_mps, duty)


def sample_car(seed: int) -> CarConfig:
    """The car of a seed: as another toy car of the same kind would be."""
    rng = np.random.default_rng([seed, 8])
    plain = CarConfig()
    return replace(
        plain,
        top_speed_mps=plain.top_speed_mps * float(rng.uniform(0.85, 1.15)),
        motor_lag_s=float(rng.uniform(0.04, 0.10)),
        track_width_m=plain.track_width_m * float(rng.uniform(0.85, 1.2)),
        pull=float(rng.normal(0.0, 0.02)),
        slip=float(rng.uniform(0.0, 0.04)),
    )


class Car:
    """A car on the floor; time passes for it in `step`."""

    def __init__(self, config: CarConfig, pose: Pose, seed: int = 0) -> None:
        """Put a car down.

        Args:
            config: Which car.
            pose: Where the middle of its axle stands.
            seed: Of the floor's uneven grip.
        """
        self.config = config
        self._rng = np.random.default_rng([seed, 9])
        self._left_mps = self._right_mps = 0.0
        self._left_grip = self._right_grip = 0.0
        self._age_s = 0.0
        self.put(pose)

    def put(self, pose: Pose) -> None:
        """Pick it up and put it down elsewhere; its wheels stand."""
        self._x_m, self._y_m, self._heading_rad = pose.x_m, pose.y_m, pose.heading_rad
        self._left_mps = self._right_mps = 0.0

    @property
    def pose(self) -> Pose:
        """Where it is; the heading counts full turns."""
        return Pose(self._x_m, self._y_m, self._heading_rad)

    @property
    def speed_mps(self) -> float:
        """Speed of the middle of its axle."""
        return (self._left_mps + self._right_mps) / 2

    @property
    def turn_rate_radps(self) -> float:
        """How fast it turns to the left."""
        return (self._right_mps - self._left_mps) / self.config.track_width_m

    def step(self, motors: MotorOutputs, step_s: float) -> None:
        """Let a little time pass (at most about 10 ms: the motors' duties stand still in it).

        Args:
            motors: What the motor pins say.
            step_s: How long, in s.
        """
        config = self.config
        self._age_s += step_s
        strength = max(0.5, 1.0 - config.battery_sag_per_min * self._age_s / 60.0)
        left = config.wheel_speed(motors.left) * strength * (1.0 - config.pull / 2)
        right = config.wheel_speed(motors.right) * strength * (1.0 + config.pull / 2)
        if config.slip > 0:
            fade = step_s / GRIP_PERIOD_S
            kick = config.slip * math.sqrt(2 * fade)
            one, other = self._rng.standard_normal(2).tolist()
            self._left_grip += kick * one - fade * self._left_grip
            self._right_grip += kick * other - fade * self._right_grip
            left *= 1.0 + self._left_grip
            right *= 1.0 + self._right_grip
        share = -math.expm1(-step_s / config.motor_lag_s)
        self._left_mps += share * (left - self._left_mps)
        self._right_mps += share * (right - self._right_mps)
        turn_rad = self.turn_rate_radps * step_s
        middle_rad = self._heading_rad + turn_rad / 2
        self._x_m += self.speed_mps * step_s * math.cos(middle_rad)
        self._y_m += self.speed_mps * step_s * math.sin(middle_rad)
        self._heading_rad += turn_rad
