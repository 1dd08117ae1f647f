import json
import math

import numpy as np
import pytest

from simulator.__main__ import main
from simulator.camera.optics import CameraRig
from simulator.evaluation.rule_fit import find_paper, fit_rule
from simulator.room.appearance import PLAIN_LOOK
from simulator.teacher.teacher import Teacher, TeacherConfig
from simulator.track.tracks import make_track
from simulator.world.scene import Scene, SceneConfig

DEGREES = (-35, -28, -22, 22, 28, 35)


def test_paper_is_what_is_bluer_than_the_floor_and_large():
    frame = np.full((45, 80, 3), (120, 100, 60), np.uint8)
    frame[20:30, 10:60] = (200, 210, 220)
    frame[38:42, 70:75] = (220, 220, 220)  # a lamp's mirror image
    expected = np.zeros((45, 80), bool)
    expected[20:30, 10:60] = True
    wrong = find_paper(frame) != expected
    assert wrong.sum() <= 4  # the corners, by the blur


@pytest.fixture
def data(tmp_path):
    """Frames of a plain room whose free way is known, with the teacher's labels."""
    track = make_track("oval")
    scene = Scene(track, SceneConfig(3, PLAIN_LOOK, CameraRig()))
    straight = float(
        track.centre.along_m[np.argmin(np.hypot(*(track.centre.points_m - (0.0, -0.8)).T))]
    )
    teacher = Teacher(track, TeacherConfig(late_share=0.0, margin_m=0.0))
    rows, ways, labels = [], [], []
    for degrees in DEGREES:
        pose = track.pose_at(straight, 0.0, math.radians(degrees))
        rows.append(scene.picture(pose)[..., ::-1].reshape(-1))
        ways.append(teacher.way(pose, straight).clear_m)
        labels.append(int(teacher.command(pose, straight, late=False)))
    np.save(tmp_path / "some_data.npy", np.array(rows))
    np.save(tmp_path / "some_labels.npy", np.array(labels))
    return tmp_path / "some_data.npy", ways


def test_the_free_way_is_read_off_a_picture(data):
    path, ways = data
    fit = fit_rule(path)
    assert fit["clear_m"] == pytest.approx(ways, abs=0.05)
    assert fit["turns_to_the_same_side"] == 1.0
    assert fit["agreement"][0.7] == 6
    assert fit["agreement"][0.3] == 0


def test_the_command_prints_the_agreement(data, capsys):
    assert main(["reference", str(data[0]), "--model", "teacher"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "less than 0.70 m:   6 of 6 as people" in lines[8]
    assert lines[-1] == "people's turns to the same side: 100 %"
    assert main(["reference", str(data[0]), "--model", "teacher", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 6
