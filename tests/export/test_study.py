import json

import pytest

from export.__main__ import main
from training.__main__ import main as training


@pytest.fixture(scope="module")
def study(tmp_path_factory, trained):
    folder = tmp_path_factory.mktemp("study")
    options = ("--alphas", "0.25", "--slices", "1", "--transfer", "", "--shuffled", "")
    data = ("--data", str(trained / "train"), "--held-out", str(trained / "held"))
    command = ["study", *data, *options, "--epochs", "1", "--judge-every", "2"]
    assert training([*command, "--out", str(folder / "study")]) == 0
    return folder / "study"


def test_a_study_is_exported_once_timed_and_reported(study, tmp_path, capsys):
    assert main(["study", str(study), "--invokes", "20", "--json"]) == 0
    printed = capsys.readouterr()
    assert "[1/1] sliced1-random-a0.25-45x80-s0" in printed.err
    facts = json.loads(printed.out)
    assert json.loads((study / "int8.json").read_text()) == facts
    row = facts["runs"]["sliced1-random-a0.25-45x80-s0"]
    file = study / "int8" / "sliced1-random-a0.25-45x80-s0.tflite"
    assert row["size_bytes"] == file.stat().st_size
    card = json.loads(file.with_suffix(".json").read_text())
    assert card["held_out"]["frames"] == 75  # thinned as the study was
    assert row["balanced"] == card["held_out"]["balanced_accuracy"]
    assert 0 < row["p50_ms"] <= row["p99_ms"]

    assert main(["study", str(study), "--invokes", "20", "--forward-weight", "5"]) == 0
    assert json.loads(file.with_suffix(".json").read_text())["forward_weight"] == 5
    before = file.stat().st_mtime_ns
    assert main(["study", str(study), "--invokes", "20", "--forward-weight", "5"]) == 0
    assert "[1/1]" in capsys.readouterr().err  # once, for the other weight
    assert file.stat().st_mtime_ns == before

    assert training(["report", str(study), "--out", str(tmp_path)]) == 0
    text = (tmp_path / "study.md").read_text()
    assert "## What nothing beats" in text
    assert (tmp_path / "frontier.png").is_file()


def test_what_is_no_study_is_said(tmp_path, study, capsys):
    assert main(["study", str(tmp_path)]) == 2
    assert "no finished run of a study" in capsys.readouterr().err
    assert main(["study", str(study), "--invokes", "0"]) == 2
    assert "at least 1" in capsys.readouterr().err
    assert main(["study", str(study), "--forward-weight", "0"]) == 2
    assert "--forward-weight 0.0: above 0" in capsys.readouterr().err
