"""Ground, renderer, sensor: what is painted at a place is seen where the camera's geometry says."""

import dataclasses
import math

import cv2
import numpy as np
import pytest

from simulator.camera.optics import CameraRig, project
from simulator.camera.renderer import Renderer
from simulator.camera.sensor import Sensor
from simulator.room.appearance import PLAIN_LOOK, LightLook, SensorLook, sample_look
from simulator.room.backdrop import paint_backdrop, paint_lamps
from simulator.room.ground import Ground, paint_ground
from simulator.track.geometry import Pose
from simulator.track.paper import Laying, lay_sheets
from simulator.track.tracks import SHEET_LENGTH_M, make_track
from simulator.world.scene import Scene, SceneConfig

DARK = LightLook(2.5, 1.0, 0.3, False, 0.0, 0, 1.0, (0.0, 0.0, 0.0), 0.0)
CLEAN = SensorLook(1.0, 0.0, (1.0, 1.0, 1.0), 1.0, 0.0, 0.0, 0.0, 10.0, 0.0)


def black_floor_with_a_dot(x_m, y_m):
    ground = Ground(np.zeros((1600, 1600, 4), np.uint8), -4.0, 4.0, 200.0)
    column, row = np.round(ground.to_pixels(np.array([[x_m, y_m]]))[0] * 16).astype(int).tolist()
    cv2.circle(ground.image, (column, row), 4 * 16, (255, 255, 255, 0), -1, cv2.LINE_AA, 4)
    return ground


@pytest.mark.parametrize(
    ("ahead_m", "left_m", "heading_rad"), [(0.5, 0.0, 0.0), (0.6, 0.12, 1.0), (0.45, -0.1, -2.5)]
)
def test_a_dot_on_the_floor_is_seen_where_geometry_says(ahead_m, left_m, heading_rad):
    rig = CameraRig(distortion=0.08, roll_rad=0.02)
    pose = Pose(0.3, -0.2, heading_rad)
    ground = black_floor_with_a_dot(*pose.ahead(ahead_m, left_m))
    lamps = np.zeros((64, 64), np.uint8)
    renderer = Renderer(ground, paint_backdrop(DARK, 0.0, 0), lamps, DARK, rig, 90, 160)
    view = renderer.draw(pose)[20:, :, 0].astype(float)
    view[view < 60] = 0.0  # what is left of the room
    rows, columns = np.mgrid[20:90, 0:160]
    seen = ((columns * view).sum() / view.sum() + 0.5, (rows * view).sum() / view.sum() + 0.5)
    assert seen == pytest.approx(project(rig, 90, 160, ahead_m, left_m), abs=0.6)


def test_turning_left_moves_what_is_ahead_to_the_right():
    scene = Scene(make_track("oval"), SceneConfig(0, PLAIN_LOOK, CameraRig()))
    pose = scene.track.pose_at(1.0)
    straight = scene.picture(pose).astype(float)
    turned = scene.picture(Pose(pose.x_m, pose.y_m, pose.heading_rad + 0.1)).astype(float)
    moves = [np.abs(turned[20:, s:] - straight[20:, : 80 - s]).mean() for s in range(12)]
    # 0.1 rad at a focal length of 79 px.
    assert int(np.argmin(moves)) == pytest.approx(8, abs=2)


def test_paper_lies_on_both_sides_of_the_lane_and_not_in_it():
    track = make_track("oval")
    ground = paint_ground(track, PLAIN_LOOK.floor, PLAIN_LOOK.light, 1)
    line, normals = track.centre.points_m, track.centre.normals

    def brightness(offset_m):
        places = ground.to_pixels(line + offset_m * normals).round().astype(int)
        return np.median(ground.image[places[:, 1], places[:, 0], :3].mean(axis=1))

    for side in (1, -1):
        assert brightness(side * (0.2 + 0.105)) > 180
        assert brightness(side * 0.12) < 120
        assert brightness(side * (0.2 + 0.21 + 0.05)) < 120


def test_sheets_are_a4_and_cover_the_strip():
    track = make_track("oval")
    sheets = lay_sheets(track, Laying(0.0, 0.0, 0.0, 0.0), np.random.default_rng(0))
    for sheet in sheets:
        sides = np.hypot(*np.diff(np.vstack([sheet.corners_m, sheet.corners_m[:1]]), axis=0).T)
        assert sorted(sides) == pytest.approx([0.21, 0.21, SHEET_LENGTH_M, SHEET_LENGTH_M])
    covered = len(sheets) * SHEET_LENGTH_M
    assert 1.0 < covered / (2 * track.length_m) < 1.4


def test_ground_places_and_pixels_agree_with_the_affine_map():
    ground = Ground(np.zeros((10, 10, 4), np.uint8), -1.0, 2.0, 100.0)
    pose = Pose(0.4, 0.7, 0.6)
    ahead, left = 0.3, -0.1
    by_map = ground.affine(pose.x_m, pose.y_m, pose.heading_rad) @ np.array([ahead, left, 1.0])
    by_place = ground.to_pixels(np.array([pose.ahead(ahead, left)]))[0]
    assert by_map == pytest.approx(by_place, abs=1e-4)


def test_an_ideal_sensor_changes_nothing():
    view = np.random.default_rng(0).integers(0, 255, (45, 80, 3), np.uint8)
    assert np.array_equal(Sensor(CLEAN, 45, 80, 0).expose(view), view)


def test_motion_blur_is_as_long_as_the_shutter_says():
    view = np.zeros((45, 80, 3), np.uint8)
    view[:, 40] = 200
    blurred = Sensor(CLEAN, 45, 80, 0).expose(view, turn_px_per_s=500.0)  # 5 px in 10 ms
    assert (blurred[20, :, 0] > 0).sum() == 5
    assert blurred[20, :, 0].sum() == pytest.approx(200, abs=5)


def test_a_rolling_shutter_slants_what_is_upright_while_the_car_turns():
    look = dataclasses.replace(CLEAN, shutter_ms=0.0, readout_ms=20.0)
    view = np.zeros((45, 80, 3), np.uint8)
    view[:, 40] = 200
    rolled = Sensor(look, 45, 80, 0).expose(view, turn_px_per_s=500.0)[..., 0].astype(float)
    places = (rolled * np.arange(80)).sum(axis=1) / rolled.sum(axis=1)
    # 500 px/s for 20 ms: the last row has moved 10 px further to the right than the first.
    assert places[44] - places[0] == pytest.approx(10 * 44 / 45, abs=0.3)
    assert np.array_equal(Sensor(look, 45, 80, 0).expose(view), view)


def test_jpeg_keeps_what_is_smooth():
    look = dataclasses.replace(CLEAN, jpeg_quality=60)
    ramp = np.repeat(np.linspace(0, 240, 80)[None], 45, axis=0)[..., None].repeat(3, axis=2)
    picture = Sensor(look, 45, 80, 0).expose(ramp.astype(np.uint8))
    assert np.abs(picture - ramp).mean() < 3
    assert not np.array_equal(picture, ramp.astype(np.uint8))


def test_automatic_exposure_reaches_its_level_with_a_lag():
    sensor = Sensor(
        SensorLook(1.0, 120.0, (1.0, 1.0, 1.0), 1.0, 0.0, 0.0, 0.0, 0.0, 0.0), 45, 80, 0
    )
    dark = np.full((45, 80, 3), 100, np.uint8)
    bright = np.full((45, 80, 3), 200, np.uint8)
    assert sensor.expose(dark).mean() == pytest.approx(120, abs=1)
    first = sensor.expose(bright).mean()
    for _ in range(30):
        last = sensor.expose(bright).mean()
    assert last == pytest.approx(120, abs=1)
    assert first > 190


def test_automatic_white_balance_takes_a_cast_out_slowly():
    look = dataclasses.replace(CLEAN, auto_white=1.0)
    sensor = Sensor(look, 45, 80, 0)
    grey = np.full((45, 80, 3), 100, np.uint8)
    red = np.full((45, 80, 3), (150, 100, 50), np.uint8)
    assert sensor.expose(grey)[0, 0].tolist() == [100, 100, 100]
    first = sensor.expose(red)[0, 0].tolist()
    for _ in range(120):
        last = sensor.expose(red)[0, 0].tolist()
    assert first[0] > 140
    assert last == pytest.approx([100, 100, 100], abs=1)
    half = Sensor(dataclasses.replace(CLEAN, auto_white=0.5), 45, 80, 0).expose(red)[0, 0]
    assert half.tolist() == pytest.approx([122, 100, 71], abs=1)


def test_a_picture_is_the_same_for_the_same_seed_and_not_for_another():
    track = make_track("oval")
    pictures = [
        Scene(track, SceneConfig(seed)).picture(track.pose_at(1.0), 0.5) for seed in (3, 3, 4)
    ]
    assert pictures[0].shape == (45, 80, 3)
    assert pictures[0].dtype == np.uint8
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_lamps_repeat_without_a_seam():
    lamps = paint_lamps(sample_look(1).light, 1).astype(int)
    assert np.abs(lamps[0] - lamps[-1]).max() < 40
    assert np.abs(lamps[:, 0] - lamps[:, -1]).max() < 40


def test_a_glossy_floor_mirrors_lamps_and_paper_does_not():
    track = make_track("oval")
    ground = paint_ground(track, PLAIN_LOOK.floor, PLAIN_LOOK.light, 1)
    line, normals = track.centre.points_m, track.centre.normals
    paper = ground.to_pixels(line + 0.3 * normals).round().astype(int)
    floor = ground.to_pixels(line).round().astype(int)
    assert np.median(ground.image[paper[:, 1], paper[:, 0], 3]) == 0
    assert np.median(ground.image[floor[:, 1], floor[:, 0], 3]) > 40


def test_sampled_looks_are_within_their_ranges():
    for seed in range(50):
        look = sample_look(seed)
        assert min(look.floor.paper) > max(look.floor.colour) - 30
        assert 0 <= look.floor.gloss <= 1
        assert math.isfinite(look.sensor.exposure)
        assert look.sensor.exposure > 0.4


@pytest.mark.parametrize("name", ["eight", "corner", "gap", "hairpin", "s", "reference"])
def test_there_is_no_paper_in_the_lane_of_any_track(name):
    track = make_track(name)
    ground = paint_ground(track, PLAIN_LOOK.floor, PLAIN_LOOK.light, 1)
    line, normals = track.centre.points_m, track.centre.normals
    for share in (-0.6, 0.0, 0.6):
        places = line + share * track.half_widths_m[:, None] * normals
        pixels = ground.to_pixels(places).round().astype(int)
        bright = ground.image[pixels[:, 1], pixels[:, 0], :3].mean(axis=1) > 150
        assert bright.mean() < 0.03


def test_sheets_are_missing_where_a_gap_says_so():
    track = make_track("gap")
    ground = paint_ground(track, PLAIN_LOOK.floor, PLAIN_LOOK.light, 1)
    for gap in track.gaps:
        for side in (1, -1):
            pose = track.pose_at(gap.start_m + gap.length_m / 2, side * 0.305)
            column, row = ground.to_pixels(np.array([[pose.x_m, pose.y_m]]))[0].round().astype(int)
            assert (ground.image[row, column, :3].mean() > 150) == (side not in gap.sides)
