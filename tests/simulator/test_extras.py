"""What a scene may have besides: each thing does what it says where it should, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from simulator.camera.optics import CameraRig, project
from simulator.camera.sensor import Sensor
from simulator.room.appearance import PLAIN_LOOK, Look
from simulator.room.backdrop import elevation_to_row, paint_backdrop
from simulator.room.ground import paint_ground
from simulator.track.distractors import lay_distractors
from simulator.track.paper import Laying
from simulator.track.tracks import make_track
from simulator.world.scene import Scene, SceneConfig

FLOOR = replace(PLAIN_LOOK.floor, blotch=0.0, specks=0.0, scratches=0.0)
LIGHT = replace(PLAIN_LOOK.light, unevenness=0.0, clutter=0.0, far_shade=1.0)
OVAL = make_track("oval")


def paint(**changes):
    return paint_ground(OVAL, replace(FLOOR, **changes), LIGHT, 1)


def test_neighbours_lie_beside_the_track_and_never_on_it():
    rng = np.random.default_rng(0)
    sheets = lay_distractors(OVAL, 6, Laying(), rng)
    assert len(sheets) > 5
    corners = np.vstack([sheet.corners_m for sheet in sheets])
    far = np.hypot(*(corners[:, None] - OVAL.centre.points_m[None, ::5]).transpose(2, 0, 1))
    # Half of the lane, its strip, and bare floor as wide as a finger.
    assert far.min(axis=1).min() > 0.2 + 0.21 + 0.02
    assert far.min(axis=1).max() < 2.0


def test_neighbours_are_painted():
    plain, more = paint(), paint(distractors=5)
    bright = [(ground.image[..., :3].mean(axis=2) > 150).sum() for ground in (plain, more)]
    assert bright[1] > 1.1 * bright[0]


def test_a_seam_is_as_dark_as_it_says():
    edges = [
        np.sort(paint(seam=seam).image[..., 1][paint().image[..., 1] > 150]) for seam in (0.93, 0.5)
    ]
    assert np.percentile(edges[1], 2) < 0.6 * 214 < 0.9 * 214 < np.percentile(edges[0], 2)


def test_holes_show_the_floor_through_the_paper():
    plain, holed = (paint(holes=holes).image[..., :3].astype(int) for holes in (0.0, 1.0))
    changed = plain - holed
    rows, columns = np.nonzero(changed.max(axis=2) > 40)
    assert len(rows) > 1000
    assert plain[rows, columns].mean() > holed[rows, columns].mean() + 40


def test_tape_mirrors_on_paper_and_a_mottled_floor_mirrors_unevenly():
    plain, taped, mottled = paint(), paint(tape=2.0), paint(mottle=0.8)
    paper = plain.image[..., 3] == 0
    assert (taped.image[..., 3][paper] > 50).sum() > 200
    fine = [
        np.abs(np.diff(ground.image[..., 3][~paper].astype(int))).mean()
        for ground in (plain, mottled)
    ]
    assert fine[1] > 4 * fine[0]


@pytest.mark.parametrize(
    ("change", "below_horizon"),
    [({"windows": 8}, False), ({"boards": 8}, True), ({"people": 8}, True)],
)
def test_what_stands_in_the_room_is_above_the_horizon_or_at_its_foot(change, below_horizon):
    plain = paint_backdrop(LIGHT, 0.0, 2).image.astype(int)
    more = paint_backdrop(replace(LIGHT, **change), 0.0, 2).image.astype(int)
    rows = np.flatnonzero((np.abs(more - plain)[..., :3].sum(axis=2) > 60).mean(axis=1) > 0.02)
    horizon = elevation_to_row(np.zeros(1))[0]
    assert rows.min() < horizon
    assert (more[..., 3] == 255).sum() >= (plain[..., 3] == 255).sum()
    if not below_horizon:
        assert (more[..., 3] == plain[..., 3]).all()


def see(floor=FLOOR, **changes):
    look = Look(floor, replace(LIGHT, **changes), replace(PLAIN_LOOK.sensor, noise=0.0))
    scene = Scene(OVAL, SceneConfig(1, look, CameraRig()))
    return scene.picture(OVAL.pose_at(1.0)).astype(int)


def test_towards_the_horizon_the_floor_takes_the_walls_colour():
    plain, veiled = see(wall=(200.0, 60.0, 60.0)), see(wall=(200.0, 60.0, 60.0), fresnel=0.9)
    more_red = (veiled - plain)[..., 0] - (veiled - plain)[..., 1]
    far = round(project(CameraRig(), 45, 80, 3.0, 0.0)[1])
    assert more_red[far].mean() > 30 > 10 > more_red[40:].mean()


def test_lamps_far_off_are_lost_first():
    black = (0.0, 0.0, 0.0)
    floor = replace(FLOOR, colour=black, paper=black)
    lit, faded = see(floor, wall=black), see(floor, wall=black, lamp_fade=2.0)
    left = [faded[rows].sum() / lit[rows].sum() for rows in (slice(10, 16), slice(35, 45))]
    # Looking down at 10 and at 30 degrees: the squares of their sines.
    assert left == pytest.approx([0.03, 0.25], abs=0.1)
    assert left[0] < left[1]


def test_left_out_pixels_make_stairs_and_haze_lifts_black():
    sharp = replace(PLAIN_LOOK.sensor, noise=0.0, vignette=0.0, blur_px=0.0, sharpening=0.0)
    view = np.zeros((90, 160, 3), np.uint8)
    view[:, 81:] = 200
    smooth = Sensor(sharp, 45, 80, 0).expose(view)
    stairs = Sensor(replace(sharp, aliasing=1.0), 45, 80, 0).expose(view)
    assert set(np.unique(smooth)) == {0, 100, 200}
    assert set(np.unique(stairs)) == {0, 200}
    hazy = Sensor(replace(sharp, haze=0.2), 45, 80, 0).expose(np.zeros_like(view))
    assert np.unique(hazy).tolist() == [51]
