"""The second look: a printed road, and the car that steers on it."""

import math

import numpy as np
import pytest

from firmware_bridge.wire.commands import Command, MotorOutputs
from simulator.car.car import ACKERMANN, AckermannCar, AckermannConfig, make_car, sample_car
from simulator.evaluation.closed_loop import drive_world, make_pilot
from simulator.room.appearance import PLAIN_LOOK
from simulator.track.geometry import Pose
from simulator.track.tracks import MAT, make_track
from simulator.world.mat import MatLook, paint_mat
from simulator.world.world import World, WorldConfig

EVEN = AckermannConfig(slip=0.0, battery_sag_per_min=0.0)


def steer(left, right, seconds):
    car = make_car(EVEN, Pose(0.0, 0.0, 0.0))
    for _ in range(round(seconds * 1000)):
        car.step(MotorOutputs(left, right), 0.001)
    return car


def test_full_lock_drives_the_circle_that_wheelbase_and_angle_make():
    car = steer(-0.55, 0.55, 2.0)
    radius = EVEN.wheelbase_m / math.tan(EVEN.lock_rad)
    assert isinstance(car, AckermannCar)
    assert car.speed_mps == pytest.approx(EVEN.wheel_speed(0.55), rel=1e-3)
    assert car.speed_mps / car.turn_rate_radps == pytest.approx(radius, rel=1e-3)
    assert steer(0.55, -0.55, 2.0).turn_rate_radps == pytest.approx(-car.turn_rate_radps)


def test_even_motors_drive_straight_on_and_none_stand():
    car = steer(0.6, 0.6, 1.0)
    assert car.pose.x_m > 0.1
    assert car.pose.y_m == car.pose.heading_rad == 0.0
    assert steer(0.0, 0.0, 1.0).pose == Pose(0.0, 0.0, 0.0)


def test_a_mat_is_a_grey_road_with_white_borders_and_yellow_dashes():
    track, mat = make_track(MAT, 3), MatLook(prints=0.0)
    ground = paint_mat(track, PLAIN_LOOK, mat, 3)
    line, half_m = track.centre, float(track.half_widths_m[0])

    def colours(offset_m):
        places = ground.to_pixels(line.points_m + offset_m * line.normals).round().astype(int)
        return ground.image[places[:, 1], places[:, 0], :3].astype(float)

    for side in (1, -1):
        assert np.median(colours(side * (half_m + 0.025)), axis=0).min() > 180
        assert np.median(colours(side * half_m / 2), axis=0).max() < 110
        beside = np.median(colours(side * (half_m + 0.15)), axis=0)
        assert beside[2] > beside[1] > 1.5 * beside[0]
    yellow = colours(0.0)[:, 0] - colours(0.0)[:, 2] > 100
    assert yellow.mean() == pytest.approx(mat.dash_m / (mat.dash_m + mat.gap_m), abs=0.05)
    assert (yellow & ~np.roll(yellow, 1)).sum() == pytest.approx(
        line.length_m / (mat.dash_m + mat.gap_m), abs=1
    )


def test_on_a_mat_a_steered_car_follows_the_teacher_in_the_real_loop():
    with World(WorldConfig(MAT, 3)) as world:
        assert isinstance(world.car, AckermannCar)
        run = drive_world(
            world, make_pilot(world, None), lambda _keeper: world.clock.now_ns() < 12e9
        )
        keeping = run.keeper.summary()
    assert keeping.kept
    assert keeping.offset_p95_m < 0.15
    assert {seen.motion for seen in run.keeper.trace} >= {Command.FORWARD, Command.LEFT}


def test_sampled_cars_that_steer_can_drive_every_mats_bends():
    for seed in range(10):
        car = sample_car(seed, ACKERMANN)
        tightest_m = 1 / np.abs(make_track(MAT, seed).centre.curvature_1pm).max()
        assert car.wheelbase_m / math.tan(car.lock_rad) < tightest_m
