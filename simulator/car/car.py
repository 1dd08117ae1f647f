"""Cars: two driven wheels, or one axle and steered front wheels; motors that lag, uneven floors."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from firmware_bridge.wire.commands import MotorOutputs
from simulator.errors import SimulatorUsageError
from simulator.track.geometry import Pose

GRIP_PERIOD_S = 0.4
"""How long a change of the wheels' grip lasts (time constant of its random walk)."""


@dataclass(frozen=True, slots=True)
class CarConfig:
    """A differential-drive car.

    With the firmware's duties the default drives at 0.25 m/s straight on and turns in place at
    about 1.6 rad/s, which is what toy cars of 0.2 m do.

    Attributes:
        top_speed_mps: Speed of a wheel at full duty and full battery.
        dead_band: Duty below which a motor does not turn, 0 to 1; for a car of 1 kg.
        motor_lag_s: Time constant of a wheel's speed; for a car of 1 kg.
        track_width_m: Distance between the wheels, with the scrubbing of in-place turns: about
            twice what a ruler shows on a car with four wheels or a dragging caster.
        pull: How much faster the right wheel runs than the left, as a share; the car's own fault.
        slip: Standard deviation of each wheel's speed by uneven grip, as a share.
        battery_sag_per_min: Share of the speed that is lost with each minute of driving.
        mass_kg: A heavier car is slower to get going and needs more duty to move at all.
        inner: Speed of the inner wheel in a turn, as a share of the outer's duty, -1 to 1: -1
            turns in place, 0 about a standing wheel (a motor driver that cannot reverse), more
            drives arcs.
    """

    top_speed_mps: float = 0.445
    dead_band: float = 0.15
    motor_lag_s: float = 0.06
    track_width_m: float = 0.26
    pull: float = 0.0
    slip: float = 0.02
    battery_sag_per_min: float = 0.01
    mass_kg: float = 1.0
    inner: float = -1.0

    def __post_init__(self) -> None:
        if not -1.0 <= self.inner <= 1.0:
            raise SimulatorUsageError(f"inner is {self.inner}, must be -1 to 1")
        if not 0.0 < self.mass_kg * self.dead_band < 1.0:
            raise SimulatorUsageError(
                f"a car of {self.mass_kg} kg with a dead band of {self.dead_band} never moves"
            )

    def wheel_speed(self, duty: float) -> float:
        """Speed in m/s that a wheel settles at, for a duty of -1 to 1."""
        dead_band = self.mass_kg * self.dead_band
        strength = max(0.0, abs(duty) - dead_band) / (1.0 - dead_band)
        return math.copysign(strength * self.top_speed_mps, duty)


@dataclass(frozen=True, slots=True)
class AckermannConfig(CarConfig):
    """A car with steered front wheels, as Donkeycars are: 1:10 to 1:16 touring cars.

    The two motor outputs are mixed: the larger one drives, their difference steers. Full lock at
    the default is a circle of 0.69 m radius.

    Attributes:
        wheelbase_m: From the rear axle to the front one.
        lock_rad: Steering angle at full lock.
        servo_lag_s: Time constant of the steering.
    """

    wheelbase_m: float = 0.25
    lock_rad: float = math.radians(20.0)
    servo_lag_s: float = 0.07


REFERENCE, ARCS, ACKERMANN = "reference", "arcs", "ackermann"
CAR_KINDS = (REFERENCE, ARCS, ACKERMANN)
"""Turns in place; turns in arcs, its motor driver being unable to reverse; steers."""


def sample_car(seed: int, kind: str = REFERENCE) -> CarConfig:
    """The car of a seed: as another toy car of the same kind would be.

    Raises:
        SimulatorUsageError: If there is no such kind.
    """
    rng = np.random.default_rng([seed, 8])
    if kind == ACKERMANN:
        return AckermannConfig(
            top_speed_mps=float(rng.uniform(0.65, 0.9)),
            motor_lag_s=float(rng.uniform(0.1, 0.2)),
            track_width_m=float(rng.uniform(0.15, 0.19)),
            pull=float(rng.normal(0.0, 0.02)),
            slip=float(rng.uniform(0.0, 0.02)),
            wheelbase_m=float(rng.uniform(0.17, 0.26)),
            servo_lag_s=float(rng.uniform(0.04, 0.1)),
        )
    if kind == ARCS:  # nothing scrubs sideways in an arc
        turning = replace(sample_car(seed), inner=float(rng.uniform(0.0, 0.5)))
        return replace(turning, track_width_m=0.6 * turning.track_width_m)
    if kind != REFERENCE:
        raise SimulatorUsageError(f"no car {kind!r}; there are {', '.join(CAR_KINDS)}")
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
        self._age_s += step_s
        self._drive(motors, step_s)
        turn_rad = self.turn_rate_radps * step_s
        middle_rad = self._heading_rad + turn_rad / 2
        self._x_m += self.speed_mps * step_s * math.cos(middle_rad)
        self._y_m += self.speed_mps * step_s * math.sin(middle_rad)
        self._heading_rad += turn_rad

    @property
    def _strength(self) -> float:
        """What the battery still gives, as a share."""
        return max(0.5, 1.0 - self.config.battery_sag_per_min * self._age_s / 60.0)

    def _grip(self, step_s: float) -> tuple[float, float]:
        """What the floor makes of each wheel's speed, about 1."""
        slip = self.config.slip
        if slip > 0:
            fade = step_s / GRIP_PERIOD_S
            kick = slip * math.sqrt(2 * fade)
            one, other = self._rng.standard_normal(2).tolist()
            self._left_grip += kick * one - fade * self._left_grip
            self._right_grip += kick * other - fade * self._right_grip
        return 1.0 + self._left_grip, 1.0 + self._right_grip

    def _drive(self, motors: MotorOutputs, step_s: float) -> None:
        """Bring the wheels' speeds to what they are a little later."""
        config = self.config
        strength = self._strength
        duties = [
            duty if duty >= 0 else -config.inner * duty for duty in (motors.left, motors.right)
        ]
        left = config.wheel_speed(duties[0]) * strength * (1.0 - config.pull / 2)
        right = config.wheel_speed(duties[1]) * strength * (1.0 + config.pull / 2)
        left_grip, right_grip = self._grip(step_s)
        share = -math.expm1(-step_s / (config.motor_lag_s * config.mass_kg))
        self._left_mps += share * (left * left_grip - self._left_mps)
        self._right_mps += share * (right * right_grip - self._right_mps)


class AckermannCar(Car):
    """A car that steers; its pose is that of the rear axle's middle."""

    def __init__(self, config: AckermannConfig, pose: Pose, seed: int = 0) -> None:
        """Put a car down; see `Car`."""
        super().__init__(config, pose, seed)
        self._steered = config
        self._angle_rad = 0.0

    def _drive(self, motors: MotorOutputs, step_s: float) -> None:
        config = self._steered
        both = abs(motors.left) + abs(motors.right)
        steer = (motors.right - motors.left) / both if both > 0 else 0.0
        aim_rad = max(-1.0, min(1.0, steer + config.pull)) * config.lock_rad
        self._angle_rad -= math.expm1(-step_s / config.servo_lag_s) * (aim_rad - self._angle_rad)
        speed = config.wheel_speed(max(abs(motors.left), abs(motors.right))) * self._strength
        share = -math.expm1(-step_s / (config.motor_lag_s * config.mass_kg))
        speed_mps = self.speed_mps + share * (speed * self._grip(step_s)[0] - self.speed_mps)
        spread_mps = speed_mps * math.tan(self._angle_rad) / config.wheelbase_m
        spread_mps *= config.track_width_m / 2
        self._left_mps, self._right_mps = speed_mps - spread_mps, speed_mps + spread_mps


def make_car(config: CarConfig, pose: Pose, seed: int = 0) -> Car:
    """Put down the car that a configuration describes; see `Car`."""
    if isinstance(config, AckermannConfig):
        return AckermannCar(config, pose, seed)
    return Car(config, pose, seed)
