import json

import pytest

from controller.errors import DataError
from training.__main__ import main
from training.errors import SpecError
from training.study import Plan, plan_runs
from training.study_report import read_study, table


def test_a_run_comes_after_the_one_whose_weights_it_copies():
    runs = plan_runs(Plan(slices=(5,), transfer=(3,), seeds=(0, 1)))
    names = [run.folder for run in runs]
    assert names[:10] == [
        "baseB-random-a1-s0",
        "baseB+-imagenet-a1-s0",
        "sliced5-random-a1-s0",
        "sliced5-imagenet-a1-s0",
        "B3B-baseB-a1-s0",
        "B3B+-baseB-a1-s0",
        "A3B-imagenet-a1-s0",
        "A3B+-imagenet-a1-s0",
        "sliced11-imagenet-a1-s0-seed-shuffled",
        "baseB-random-a1-s1",
    ]
    assert len(set(names)) == len(names) == 18


def test_a_grid_that_cannot_be_is_refused():
    with pytest.raises(SpecError, match="block 14"):
        Plan(slices=(14,))
    with pytest.raises(SpecError, match="seed"):
        Plan(seeds=())


@pytest.fixture
def study(tmp_path, lane_frames):
    lane_frames(120, 1, drives=("one", "two")).save(tmp_path / "data")
    lane_frames(60, 2, drives=("held",)).save(tmp_path / "held")
    return [
        *("study", "--data", str(tmp_path / "data"), "--held-out", str(tmp_path / "held")),
        *("--out", str(tmp_path / "study"), "--epochs", "1", "--alphas", "0.25"),
        *("--slices", "1,2", "--transfer", "", "--shuffled", "sliced1"),
    ]


def test_a_small_study_runs_once_and_is_reported(tmp_path, study, capsys):
    assert main([*study, "--list"]) == 0
    assert capsys.readouterr().out.split() == [
        "sliced1-random-a0.25-s0",
        "sliced2-random-a0.25-s0",
        "sliced1-random-a0.25-s0-seed-shuffled",
    ]
    assert main(study) == 0
    assert "finished before" not in capsys.readouterr().out
    assert main(study) == 0
    assert capsys.readouterr().out.count("finished before") == 3
    out = tmp_path / "report"
    assert main(["report", str(tmp_path / "study"), "--out", str(out), "--command", "x <y>"]) == 0
    assert {p.name for p in out.iterdir()} == {
        "study.md",
        "study.html",
        "study.json",
        "study.png",
    }
    text = (out / "study.md").read_text()
    assert "| sliced2 | random | 0.25 |" in text
    assert "seed's shuffled split" in text
    assert "x &lt;y&gt;" in (out / "study.html").read_text()
    assert len(json.loads((out / "study.json").read_text())) == 3
    assert str(tmp_path) not in text


def _result(folder, network, seed, balanced):
    run = folder / "runs" / f"{network}-random-a1-s{seed}"
    run.mkdir(parents=True)
    configuration = {"network": {"name": network, "alpha": 1}, "seed": seed, "split": "blocks"}
    (run / "run.json").write_text(json.dumps({"configuration": configuration}))
    score = {"accuracy": 0.5, "balanced_accuracy": balanced}
    result = {"parameters": 10, "held_out": score, "validation": score, "held_out_drives": ["d"]}
    (run / "result.json").write_text(json.dumps(result))


def test_seeds_give_a_mean_and_half_their_spread_and_n_is_ordered_by_value(tmp_path):
    _result(tmp_path, "sliced11", 0, 0.70)
    _result(tmp_path, "sliced11", 1, 0.74)
    _result(tmp_path, "sliced2", 0, 0.6)
    _result(tmp_path, "baseB", 0, 0.65)
    rows = table(read_study(tmp_path))
    assert [row[0] for row in rows] == ["baseB", "sliced2", "sliced11"]
    assert rows[2][4] == "0.720 ± 0.020"
    assert rows[1][4] == "0.600"


def test_a_folder_without_runs_or_with_a_broken_one_is_named(tmp_path):
    with pytest.raises(DataError, match="no finished run"):
        read_study(tmp_path)
    _result(tmp_path, "baseB", 0, 0.6)
    next(tmp_path.glob("runs/*/result.json")).write_text("{}")
    with pytest.raises(DataError, match="broken run"):
        read_study(tmp_path)
