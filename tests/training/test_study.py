import json
import subprocess
import sys

import pytest

from controller.errors import DataError
from training.__main__ import main
from training.errors import SpecError, TrainingError
from training.study.groups import frontier, groups
from training.study.plan import Plan, plan_runs
from training.study.report import tables
from training.study.results import read_study
from training.study.runner import Job, claim, do_run, imported, open_split, run_study


def test_a_run_comes_after_the_one_whose_weights_it_copies():
    plan = Plan(slices=(5,), transfer=(3,), seeds=(0, 1), shuffled=("sliced11", "baseB"))
    runs = plan_runs(plan)
    names = [run.folder for run in runs]
    assert names[:11] == [
        "baseB-random-a1-45x80-s0",
        "baseB+-imagenet-a1-45x80-s0",
        "sliced5-random-a1-45x80-s0",
        "sliced5-imagenet-a1-45x80-s0",
        "B3B-baseB-a1-45x80-s0",
        "B3B+-baseB-a1-45x80-s0",
        "A3B-imagenet-a1-45x80-s0",
        "A3B+-imagenet-a1-45x80-s0",
        "sliced11-imagenet-a1-45x80-s0-seed-shuffled",
        "baseB-random-a1-45x80-s0-seed-shuffled",
        "baseB-random-a1-45x80-s1",
    ]
    assert len(set(names)) == len(names) == 20
    assert runs[4].needs == runs[0]
    assert runs[6].needs is None


def test_slices_go_over_widths_and_sizes():
    plan = Plan((3, 4), (), (0.25, 1.0), ((45, 80), (36, 64)), shuffled=())
    names = [run.folder for run in plan_runs(plan)]
    assert len(names) == 2 * (2 + 4)
    assert "sliced4-random-a0.25-36x64-s0" in names
    assert "sliced3-imagenet-a1-36x64-s0" in names


def test_the_whole_network_is_not_trained_twice_under_two_names():
    names = {run.network for run in plan_runs(Plan((11, 13), (3,), shuffled=()))}
    assert names == {"baseB", "baseB+", "sliced11", "B3B", "B3B+", "A3B", "A3B+"}
    assert len(plan_runs(Plan((13,), (), shuffled=()))) == 2


def test_a_grid_that_cannot_be_is_refused():
    with pytest.raises(SpecError, match="block 14"):
        Plan(slices=(14,))
    with pytest.raises(SpecError, match="seed"):
        Plan(seeds=())
    with pytest.raises(SpecError, match="shuffled A3B"):
        Plan(shuffled=("A3B",))
    with pytest.raises(SpecError, match="alpha 7"):
        Plan(alphas=(7.0,))
    with pytest.raises(SpecError, match="9x80 are too small"):
        Plan(shapes=((9, 80),))


@pytest.fixture
def recordings(tmp_path, lane_frames):
    lane_frames(120, 1, drives=("one", "two")).save(tmp_path / "data")
    lane_frames(60, 2, drives=("held",)).save(tmp_path / "held")
    return ("--data", str(tmp_path / "data"), "--held-out", str(tmp_path / "held"))


@pytest.fixture
def study(tmp_path, recordings):
    return [
        *("study", *recordings, "--out", str(tmp_path / "study"), "--epochs", "1"),
        *("--alphas", "0.25", "--slices", "1,2", "--transfer", "", "--shuffled", "sliced1"),
    ]


@pytest.fixture
def job(tmp_path, recordings):
    def make(**changes):
        plan = Plan((1,), (), (0.25,), shuffled=())
        given = {"epochs": 1, **changes}
        return Job(plan, recordings[1:2], recordings[3:4], tmp_path / "study", **given)

    return make


def test_a_small_study_runs_once_and_is_reported(tmp_path, study, capsys):
    assert main([*study, "--list"]) == 0
    assert capsys.readouterr().out.split() == [
        "sliced1-random-a0.25-45x80-s0",
        "sliced2-random-a0.25-45x80-s0",
        "sliced1-random-a0.25-45x80-s0-seed-shuffled",
    ]
    assert main(study) == 0
    assert "done before" not in capsys.readouterr().out
    assert main(study) == 0
    assert capsys.readouterr().out.count("done before") == 3
    out = tmp_path / "report"
    assert main(["report", str(tmp_path / "study"), "--out", str(out), "--command", "x <y>"]) == 0
    assert {p.name for p in out.iterdir()} == {
        *("study.md", "study.html", "study.json", "slices.png"),
    }
    text = (out / "study.md").read_text()
    assert "| 2 | random | 0.25 | 45x80 |" in text
    assert "seed's protocol would have said" in text
    assert "x &lt;y&gt;" in (out / "study.html").read_text()
    assert len(json.loads((out / "study.json").read_text())["runs"]) == 3
    assert str(tmp_path) not in text


def test_frames_are_thinned_after_the_split(job):
    whole, thin = (
        open_split(job(), (45, 80), "blocks"),
        open_split(job(every=3, judge_every=2), (45, 80), "blocks"),
    )
    assert len(whole.held_out) == 60
    assert len(thin.held_out) == 30
    assert thin.held_out.rows.tolist() == list(range(0, 60, 2))
    # Two drives: each is thinned from its own first frame on.
    for drive in (0, 1):
        rows = whole.train.rows[whole.train.drives == drive]
        assert thin.train.rows[thin.train.drives == drive].tolist() == rows[::3].tolist()


def test_a_run_that_somebody_else_is_at_work_on_is_left_to_them(tmp_path, job):
    run = plan_runs(job().plan)[0]
    with claim(tmp_path / "study" / "locks" / f"{run.folder}.lock") as mine:
        assert mine
        assert do_run(job(), run) is None
    assert do_run(job(), run)["frames"] == 60


_HOLDER = """
import sys, time
from pathlib import Path
from training.study.runner import claim
with claim(Path(sys.argv[1])) as mine:
    print(mine, flush=True)
    time.sleep(60)
"""


def test_a_lock_falls_with_the_process_that_held_it(tmp_path):
    path = tmp_path / "locks" / "run.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "True\n"
        assert json.loads(path.read_text())["pid"] == holder.pid
        with claim(path) as mine:
            assert not mine
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    with claim(path) as mine:
        assert mine


def test_a_killed_study_goes_on_and_finishes_nothing_twice(tmp_path, study):
    study[study.index("--epochs") + 1] = "9"
    study[study.index("--shuffled") + 1] = ""
    command = [sys.executable, "-m", "training", *study, "--threads", "1"]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in first.stdout:
        if line.startswith("sliced2") and "epoch 2/" in line:
            first.kill()
            break
    first.wait()
    first.stdout.close()
    assert first.returncode == -9
    runs = tmp_path / "study" / "runs"
    finished = runs / "sliced1-random-a0.25-45x80-s0" / "result.json"
    assert not (runs / "sliced2-random-a0.25-45x80-s0" / "result.json").exists()
    before = finished.stat().st_mtime_ns
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "sliced2: resumed after epoch" in second.stdout
    assert finished.stat().st_mtime_ns == before
    assert len(read_study(tmp_path / "study").runs) == 2


def test_a_run_that_dies_leaves_the_others_be(tmp_path, monkeypatch, recordings):
    from training.study import runner as study_runner

    plan = Plan((1, 2), (), (0.25,), shuffled=())
    job = Job(plan, recordings[1:2], recordings[3:4], tmp_path / "study", epochs=1)
    real = study_runner.train

    def dies_once(config, *rest):
        if config.network.name == "sliced1":
            raise TrainingError("the loss is nan")
        return real(config, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(study_runner, "train", dies_once)
        assert run_study(job) == {"sliced1-random-a0.25-45x80-s0": "the loss is nan"}
    assert [run.network for run in read_study(tmp_path / "study").runs] == ["sliced2"]
    assert run_study(job) == {}
    assert len(read_study(tmp_path / "study").runs) == 2


def test_recordings_are_imported_once_and_a_killed_import_is_done_anew(tmp_path, write_tub):
    tub = write_tub(tmp_path / "tub", [{}] * 4)
    first = imported(tub, (36, 64), tmp_path / "study")
    made = (first / "frames.npy").stat().st_mtime_ns
    assert imported(tub, (36, 64), tmp_path / "study") == first
    assert (first / "frames.npy").stat().st_mtime_ns == made
    assert imported(tub, (45, 80), tmp_path / "study") != first
    (first / "meta.json").unlink()
    assert imported(tub, (36, 64), tmp_path / "study") == first
    assert (first / "meta.json").exists()


def _result(folder, network, seed, balanced, split="blocks", start="random"):
    suffix = "" if split == "blocks" else f"-{split}"
    run = folder / "runs" / f"{network}-{start}-a1-45x80-s{seed}{suffix}"
    run.mkdir(parents=True)
    spec = {"name": network, "alpha": 1, "height": 45, "width": 80}
    configuration = {"network": spec, "seed": seed, "split": split}
    (run / "run.json").write_text(json.dumps({"configuration": configuration}))
    score = {"accuracy": 0.5, "balanced_accuracy": balanced}
    result = {
        "parameters": 10,
        "macs": 20,
        "held_out_drives": ["d"],
        "held_out": score,
        "validation": score,
    }
    (run / "result.json").write_text(json.dumps(result))
    return run.name


def test_seeds_give_a_mean_and_half_their_spread_and_n_is_ordered_by_value(tmp_path):
    _result(tmp_path, "sliced11", 0, 0.70)
    _result(tmp_path, "sliced11", 1, 0.74)
    _result(tmp_path, "sliced2", 0, 0.6)
    _result(tmp_path, "baseB", 0, 0.65)
    transfer, slices, _ = tables(read_study(tmp_path))
    assert [row[0] for row in transfer.rows] == ["baseB"]
    assert [row[0] for row in slices.rows] == ["2", "11", "13"]  # the last is baseB
    assert slices.rows[1][4] == "0.720 ± 0.020"
    assert slices.rows[0][4] == "0.600"


def test_the_shuffled_figure_stands_beside_the_honest_one(tmp_path):
    _result(tmp_path, "baseB", 0, 0.65)
    _result(tmp_path, "baseB", 0, 0.95, "seed-shuffled")
    flattery, *_ = tables(read_study(tmp_path))
    assert "seed's protocol" in flattery.title
    assert flattery.rows == (("baseB", "random", "0.950", "0.500", "0.950", "0.650", "1"),)


def _int8(p50_ms):
    return {
        "size_bytes": 1000,
        "p50_ms": p50_ms,
        "p99_ms": 9.0,
        "accuracy": 0.5,
        "balanced": 0.6,
        "agreement": 0.99,
    }


def test_the_frontier_is_what_nothing_beats(tmp_path):
    points = {
        "sliced1": (0.1, 0.5),
        "sliced2": (0.2, 0.7),
        "sliced3": (0.3, 0.6),
        "sliced4": (0.4, 0.7),
        "sliced5": (0.2, 0.65),
        "sliced6": (0.6, 0.8),
    }
    names = {name: _result(tmp_path, name, 0, best) for name, (_, best) in points.items()}
    _result(tmp_path, "sliced13", 0, 0.99)  # never timed
    runs = {names[name]: _int8(ms) for name, (ms, _) in points.items()}
    (tmp_path / "int8.json").write_text(json.dumps({"machine": "a toy", "runs": runs}))
    study = read_study(tmp_path)
    best = frontier(groups(study.runs))
    assert [group.first.network for group in best] == ["sliced1", "sliced2", "sliced6"]
    side_by_side = next(part for part in tables(study) if part.title.startswith("Size"))
    assert len(side_by_side.rows) == 6
    assert "a toy" in side_by_side.note
    (tmp_path / "int8.json").write_text('{"runs": {}}')
    with pytest.raises(DataError, match=r"int8\.json: broken"):
        read_study(tmp_path)


def test_kept_tracks_stand_beside_latency_and_have_a_frontier_of_their_own(tmp_path):
    points = {"sliced1": (0.1, 12), "sliced2": (0.2, 20), "sliced3": (0.3, 19)}
    names = {name: _result(tmp_path, name, 0, 0.5) for name in (*points, "sliced4")}
    again = _result(tmp_path, "sliced3", 1, 0.5)
    runs = {name: _int8(0.4) for name in names.values()}
    (tmp_path / "tracks").mkdir()
    for name, (ms, kept) in points.items():
        runs[names[name]] = _int8(ms)
        path = tmp_path / "tracks" / f"{names[name]}.json"
        path.write_text(json.dumps({"kept": kept, "tracks": 20, "per_track": []}))
    (tmp_path / "tracks" / f"{again}.json").write_text('{"kept": 18, "tracks": 20}')
    (tmp_path / "int8.json").write_text(json.dumps({"machine": "a toy", "runs": runs}))
    found = {part.title: part for part in tables(read_study(tmp_path))}
    side_by_side = found["Size, work, speed and accuracy"]
    assert side_by_side.headings[-1] == "tracks kept"
    assert [row[-1] for row in side_by_side.rows] == ["12 of 20", "20 of 20", "37 of 40", ""]
    best = found["What nothing beats on tracks"]
    assert [row[0] for row in best.rows] == ["sliced1", "sliced2"]
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "report")]) == 0
    assert (tmp_path / "report" / "tracks.png").is_file()
    path.write_text('{"kept": 19}')
    with pytest.raises(DataError, match=r"tracks/sliced3.*broken; python -m simulator evaluate"):
        read_study(tmp_path)


def test_a_folder_without_runs_or_with_a_broken_one_is_named(tmp_path):
    with pytest.raises(DataError, match="no finished run"):
        read_study(tmp_path)
    _result(tmp_path, "baseB", 0, 0.6)
    next(tmp_path.glob("runs/*/result.json")).write_text("{}")
    with pytest.raises(DataError, match="broken run"):
        read_study(tmp_path)
