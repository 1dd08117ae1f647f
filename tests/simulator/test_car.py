import math

import pytest

from firmware_bridge.wire.commands import MotorOutputs
from simulator.car.car import ARCS, Car, CarConfig, sample_car
from simulator.errors import SimulatorUsageError
from simulator.track.geometry import Pose

EVEN = CarConfig(slip=0.0, battery_sag_per_min=0.0)


def drive(car, left, right, seconds, step_s=0.001):
    for _ in range(round(seconds / step_s)):
        car.step(MotorOutputs(left, right), step_s)


def test_a_motor_settles_by_its_time_constant():
    car = Car(EVEN, Pose(0.0, 0.0, 0.0))
    drive(car, 1.0, 1.0, EVEN.motor_lag_s)
    assert car.speed_mps == pytest.approx(EVEN.top_speed_mps * (1 - math.exp(-1)), rel=1e-3)
    # Distance of a first-order lag: v * (t - tau * (1 - exp(-t / tau))).
    drive(car, 1.0, 1.0, 2.0 - EVEN.motor_lag_s)
    expected = EVEN.top_speed_mps * (2.0 - EVEN.motor_lag_s)
    assert car.pose.x_m == pytest.approx(expected, rel=2e-3)
    assert car.pose.y_m == 0.0


def test_inside_the_dead_band_nothing_moves():
    car = Car(EVEN, Pose(0.0, 0.0, 0.0))
    drive(car, 0.149, -0.149, 1.0)
    assert car.pose == Pose(0.0, 0.0, 0.0)


def test_opposite_duties_turn_in_place():
    car = Car(EVEN, Pose(1.0, 2.0, 0.0))
    drive(car, -0.55, 0.55, 1.0)
    wheel = (0.55 - 0.15) / 0.85 * EVEN.top_speed_mps
    rate = 2 * wheel / EVEN.track_width_m
    assert car.turn_rate_radps == pytest.approx(rate, rel=1e-6)
    assert car.pose.heading_rad == pytest.approx(rate * (1.0 - EVEN.motor_lag_s), rel=1e-2)
    assert (car.pose.x_m, car.pose.y_m) == pytest.approx((1.0, 2.0), abs=1e-12)


def test_unequal_wheels_drive_the_circle_that_their_distance_makes():
    car = Car(EVEN, Pose(0.0, 0.0, 0.0))
    drive(car, 0.5, 1.0, 1.0)  # settle
    left, right = EVEN.wheel_speed(0.5), EVEN.wheel_speed(1.0)
    radius = EVEN.track_width_m / 2 * (right + left) / (right - left)
    start = car.pose
    centre = start.ahead(0.0, radius)
    drive(car, 0.5, 1.0, 1.5)
    distance = math.hypot(car.pose.x_m - centre[0], car.pose.y_m - centre[1])
    assert distance == pytest.approx(radius, rel=1e-3)


def test_the_step_does_not_matter():
    cars = [Car(EVEN, Pose(0.0, 0.0, 0.0)) for _ in range(2)]
    for car, step_s in zip(cars, (0.001, 0.005), strict=True):
        drive(car, 0.6, 0.63, 2.0, step_s)
    assert cars[0].pose.x_m == pytest.approx(cars[1].pose.x_m, abs=3e-3)
    assert cars[0].pose.y_m == pytest.approx(cars[1].pose.y_m, abs=3e-3)


def test_an_empty_battery_is_slower():
    tired = CarConfig(slip=0.0, battery_sag_per_min=0.3)
    car = Car(tired, Pose(0.0, 0.0, 0.0))
    drive(car, 1.0, 1.0, 60.0, 0.01)
    assert car.speed_mps == pytest.approx(0.7 * tired.top_speed_mps, rel=1e-2)


def test_uneven_grip_comes_from_the_seed():
    ends = []
    for seed in (1, 1, 2):
        car = Car(CarConfig(slip=0.05), Pose(0.0, 0.0, 0.0), seed)
        drive(car, 0.6, 0.6, 2.0)
        ends.append(car.pose)
    assert ends[0] == ends[1] != ends[2]


def test_sampled_cars_are_toy_cars():
    for seed in range(20):
        car = sample_car(seed)
        assert 0.2 < car.wheel_speed(160 / 255) < 0.3
        assert 1.0 < 2 * car.wheel_speed(140 / 255) / car.track_width_m < 2.4


@pytest.mark.parametrize(("inner", "radius"), [(0.0, 0.13), (0.6, None)])
def test_an_inner_wheel_that_does_not_run_backwards_makes_an_arc(inner, radius):
    config = CarConfig(slip=0.0, battery_sag_per_min=0.0, inner=inner)
    car = Car(config, Pose(0.0, 0.0, 0.0))
    drive(car, -0.55, 0.55, 1.0)
    outside, inside = config.wheel_speed(0.55), config.wheel_speed(inner * 0.55)
    expected = radius or config.track_width_m / 2 * (outside + inside) / (outside - inside)
    assert car.speed_mps / car.turn_rate_radps == pytest.approx(expected, rel=1e-3)


def test_a_heavier_car_is_slower_to_get_going_and_needs_more_duty():
    light, heavy = (Car(CarConfig(slip=0.0, mass_kg=mass), Pose(0.0, 0.0, 0.0)) for mass in (1, 2))
    for car in (light, heavy):
        drive(car, 0.6, 0.6, 0.06)
    assert heavy.speed_mps < 0.6 * light.speed_mps
    drive(heavy, 0.29, 0.29, 2.0)
    assert heavy.speed_mps == pytest.approx(0.0, abs=1e-6)


def test_cars_that_cannot_be_are_refused():
    for broken in ({"inner": 1.5}, {"mass_kg": 7.0}, {"mass_kg": 0.0}):
        with pytest.raises(SimulatorUsageError):
            CarConfig(**broken)
    with pytest.raises(SimulatorUsageError, match="hovercraft"):
        sample_car(1, "hovercraft")
    assert 0.0 <= sample_car(1, ARCS).inner <= 0.5
