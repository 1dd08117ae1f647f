from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from controller.__main__ import main
from controller.recording.frameset import UNLABELLED, load_frameset
from controller.recording.recorder import Recorder


@pytest.fixture
def drive(bench, shot, tmp_path):
    path = tmp_path / "drive-one.mcap"
    with Recorder(path, {"model": "scripted"}, 0, lossless=True) as recorder:
        bench([shot((0.1, 0.8, 0.1)) for _ in range(30)]).run(recorder)
    return path


def test_info_and_list_tell_what_is_in_a_drive(drive, capsys):
    assert main(["drives", "info", str(drive), "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["frames"] == 30
    assert info["complete"] is True
    assert info["model"] == "scripted"
    assert info["seconds"] == pytest.approx(29 * 0.05)
    assert set(info["commands"]) <= {"LEFT", "STOP"}
    assert info["stale_commands"] == 0
    assert info["frame_age_ms"]["p50"] == info["frame_age_ms"]["p100"] == 5.0
    assert set(info["stops"]) == {"waiting for frame, link and microcontroller"}
    (drive.parent / "drive-two.mcap").write_bytes(drive.read_bytes()[:-2000])
    assert main(["drives", "list", str(drive.parent)]) == 0
    out = capsys.readouterr().out
    assert "2 drives" in out
    assert "cut short" in out


def test_a_drives_own_words_do_not_replace_what_was_counted(tmp_path, bench, shot, capsys):
    path = tmp_path / "one.mcap"
    with Recorder(path, {"seconds": "many", "frames": "x"}, 0, lossless=True) as recorder:
        bench([shot()]).run(recorder)
    assert main(["drives", "list", str(tmp_path)]) == 0
    assert "1 frames, 0.0 s" in capsys.readouterr().out


def test_a_file_that_is_no_drive_hides_no_other(drive, capsys):
    (drive.parent / "drive-empty.mcap").touch()
    (drive.parent / "drive-folder.mcap").mkdir()
    assert main(["drives", "list", str(drive.parent)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [str(drive) in line for line in lines] == [False, False, True, False]
    assert "drive-empty.mcap" in lines[0]
    assert "drive-folder.mcap" in lines[1]
    assert main(["drives", "list", str(drive.parent), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["drives"]
    assert ["error" in facts for facts in listed] == [True, True, False]


def test_a_drive_becomes_a_frame_set_to_train_on(drive, tmp_path):
    assert main(["drives", "export", str(drive), "--npy", str(tmp_path / "set")]) == 0
    frames = load_frameset(tmp_path / "set")
    assert len(frames) == 30
    assert frames.shape == (45, 80)
    assert set(frames.labels) == {1, UNLABELLED}
    assert frames.times_ns[0] == 0
    assert frames.drive_names == ("drive-one",)


def test_a_drive_becomes_pictures_and_a_video(drive, tmp_path):
    pictures, video = tmp_path / "pictures", tmp_path / "drive.mp4"
    command = ["drives", "export", str(drive), "--pictures", str(pictures), "--video", str(video)]
    assert main(command) == 0
    names = sorted(path.name for path in pictures.iterdir())
    assert len(names) == 30
    assert names[-1] == "000029-left.png"
    capture = cv2.VideoCapture(str(video))
    good, picture = capture.read()
    assert good
    assert picture.shape[1] == 640
    assert int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) == 30
    assert np.ptp(picture) > 100


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["info", "/no/such"], "cannot be opened"),
        (["info", __file__], "not a drive"),
        (["list", "/no/such"], "no such folder"),
        (["export", __file__], "say what to make"),
        (["export", __file__, "--npy", "x"], "not a drive"),
    ],
)
def test_wrong_input_is_one_line(arguments, says, capsys):
    assert main(["drives", *arguments]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1


def test_nothing_is_overwritten(drive, capsys):
    assert main(["drives", "export", str(drive), "--video", str(drive)]) == 2
    assert "exists" in capsys.readouterr().err
