"""Broken recordings through the commands: one line naming file and row, or dropped and counted."""

import json
import os
import pickle

import cv2
import numpy as np
import pytest

from training.__main__ import main


def _pair(folder, rows=4, labels=(0, 1, 2, 0)):
    folder.mkdir()
    np.save(folder / "train_data.npy", np.zeros((rows, 10800), np.uint8))
    np.save(folder / "train_labels.npy", np.array(labels))
    return folder


def _short(folder):
    path = _pair(folder) / "train_data.npy"
    path.write_bytes(path.read_bytes()[:-1000])


def _label_of_7(folder):
    _pair(folder, labels=(0, 1, 7, 0))


def _unequal(folder):
    _pair(folder, labels=(0, 1, 2))


class _Evil:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def _code(folder):
    folder.mkdir()
    cv2.imwrite(str(folder / "1.png"), np.zeros((45, 80, 3), np.uint8))
    (folder / "labels.pickle").write_bytes(pickle.dumps({"1": _Evil()}))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (_short, ("train_data.npy", "not a complete .npy file")),
        (_label_of_7, ("train_labels.npy: row 2", "label 7", "0 forward, 1 left, 2 right")),
        (_unequal, ("train_data.npy: 4 rows but 3 labels in", "train_labels.npy")),
        (_code, ("labels.pickle: refused", "mkdir", "labels need no code")),
    ],
)
@pytest.mark.parametrize("command", [["inspect"], ["import"], ["train", "--data"]])
def test_what_cannot_be_read_is_one_line_and_code_2(
    build, words, command, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    build(tmp_path / "set")
    out = [] if command == ["inspect"] else ["--out", str(tmp_path / "out")]
    assert main([*command, str(tmp_path / "set"), *out]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    for word in ("error: ", *words):
        assert word in line
    assert not (tmp_path / "executed").exists()


def test_pictures_of_zero_bytes_are_dropped_and_counted(tmp_path, capsys, write_tub):
    tub = write_tub(tmp_path / "tub", [{}] * 3)
    (tub / "images" / "1_cam_image_array_.jpg").write_bytes(b"")
    assert main(["inspect", str(tub), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["frames"], facts["dropped"]) == (2, {"picture of zero bytes": 1})


def test_rows_of_a_log_without_a_picture_are_dropped_and_counted(tmp_path, capsys):
    images = tmp_path / "log" / "IMG"
    images.mkdir(parents=True)
    cv2.imwrite(str(images / "a.jpg"), np.zeros((160, 320, 3), np.uint8))
    rows = ["IMG/a.jpg,,,0.5,0.4,0,20", "IMG/lost.jpg,,,0,0.4,0,20", ",,,0,0.4,0,20"]
    (tmp_path / "log" / "driving_log.csv").write_text("\n".join(rows))
    assert main(["inspect", str(tmp_path / "log")]) == 0
    printed = capsys.readouterr().out
    assert "dropped      1  picture missing" in printed
    assert "dropped      1  row without a picture or steering" in printed


@pytest.mark.parametrize(
    "command", [["train", "--data"], ["features", "--weights", "random", "--data"]]
)
def test_an_empty_class_is_said_before_anything_is_trained(command, tmp_path, capsys, lane_frames):
    frames = lane_frames(90)
    frames.take(np.flatnonzero(frames.labels != 1)).save(tmp_path / "set")
    small = ["--network", "sliced1", "--alpha", "0.25", "--out", str(tmp_path / "out")]
    assert main([*command, str(tmp_path / "set"), *small]) == 2
    assert "error: class 'left' has no frame in drive" in capsys.readouterr().err


def test_the_reference_frames_are_read_inspected_and_judged(shared_data, tmp_path, capsys):
    from training.networks.networks import build_network, spec_of

    lane = str(shared_data / "paper_lane")
    assert main(["inspect", lane, "--out", str(tmp_path), "--json"]) == 0
    drives = json.loads(capsys.readouterr().out)["drives"]
    assert drives == {"sample": {"forward": 17, "left": 15, "right": 8, "unlabelled": 0}}
    assert cv2.imread(str(tmp_path / "paper_lane-contact.png")).shape[1] == 1280
    build_network(spec_of("sliced1", alpha=0.25)).save(tmp_path / "m.keras")
    judge = ["evaluate", str(tmp_path / "m.keras"), lane, "--json"]
    assert main(judge) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 40
    assert main([*judge, "--equal-classes"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [sum(row) for row in facts["confusion"]] == [8, 8, 8]
    assert facts["accuracy"] == facts["balanced_accuracy"]
