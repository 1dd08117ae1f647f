import json

import numpy as np
import pytest

from controller.errors import DataError
from training.backend import load_keras, load_model
from training.data.pool import Pool
from training.data.splits import by_blocks
from training.errors import RunError
from training.networks.networks import spec_of
from training.pipeline.batches import predict
from training.pipeline.recipes import Recipe
from training.runs.trainer import Split, TrainConfig, train


@pytest.fixture
def job(lane_frames):
    pool = Pool.of([lane_frames(240, 1)])
    learn, validation = by_blocks(pool, 0.1)
    split = Split(learn, validation, Pool.of([lane_frames(60, 2)]), "test")

    def make(network="sliced2", **changes):
        recipe = {"batch": 16, "epochs": 2, "learning_rate": 0.01, **changes}
        spec = spec_of(network, alpha=0.25)
        config = TrainConfig(spec, Recipe(**recipe), ("d",), (), "test", (1, 1, 1), 3)
        return config, split

    return make


class _KilledError(Exception):
    pass


def test_learns_an_easy_lane_and_leaves_a_whole_run_folder(tmp_path, job):
    config, split = job("sliced4", epochs=8)
    done = train(config, split, tmp_path / "run")
    assert done.held_out.balanced_accuracy > 0.9
    assert {p.name for p in (tmp_path / "run").iterdir()} == {
        "run.json",
        "history.json",
        "history.png",
        "model.keras",
        "result.json",
    }
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["configuration"]["recipe"]["epochs"] == 8
    assert facts["configuration"]["seed"] == 3
    assert {"tensorflow", "keras", "numpy", "python"} <= set(facts["versions"])
    assert len(json.loads((tmp_path / "run" / "history.json").read_text())) == 8
    saved = predict(load_model(tmp_path / "run"), split.held_out)
    assert (saved.argmax(axis=1) == split.held_out.labels).mean() == done.held_out.accuracy


def test_same_seed_same_weights_and_a_killed_run_goes_on_to_the_same(tmp_path, job, monkeypatch):
    config, split = job(epochs=3)
    train(config, split, tmp_path / "whole")

    from training.runs import trainer

    real = trainer.progress_callback

    def dies_after_the_second_epoch(*arguments):
        callback = real(*arguments)
        shown = callback.on_epoch_end

        def on_epoch_end(epoch, logs=None):
            shown(epoch, logs)
            if epoch == 1:
                raise _KilledError

        callback.on_epoch_end = on_epoch_end
        return callback

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "progress_callback", dies_after_the_second_epoch)
        with pytest.raises(_KilledError):
            train(config, split, tmp_path / "killed")
    assert not (tmp_path / "killed" / "result.json").exists()
    train(config, split, tmp_path / "killed")
    whole, resumed = (load_model(tmp_path / name) for name in ("whole", "killed"))
    for left, right in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_finished_run_is_reported_not_run_again(tmp_path, job, capsys):
    config, split = job(epochs=1)
    first = train(config, split, tmp_path / "run")
    before = (tmp_path / "run" / "model.keras").stat().st_mtime_ns
    again = train(config, split, tmp_path / "run")
    assert again.held_out.confusion == first.held_out.confusion
    assert (tmp_path / "run" / "model.keras").stat().st_mtime_ns == before
    assert "finished before" in capsys.readouterr().out


def test_another_run_or_a_strangers_folder_is_not_overwritten(tmp_path, job):
    config, split = job(epochs=1)
    train(config, split, tmp_path / "run")
    other, _ = job(epochs=2)
    with pytest.raises(RunError, match=r"recipe\.epochs is 1 there and 2 here"):
        train(other, split, tmp_path / "run")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    with pytest.raises(RunError, match="not a run"):
        train(config, split, tmp_path / "mine")


def test_patience_stops_a_run(tmp_path, job):
    config, split = job(epochs=9, patience=1, learning_rate=1e-9)
    train(config, split, tmp_path / "run")
    assert len(json.loads((tmp_path / "run" / "history.json").read_text())) < 9


def test_a_class_without_frames_is_said_before_training(tmp_path, job):
    config, split = job()
    lacking = Split(split.train.take(split.train.labels != 1), split.validation, split.held_out, "")
    with pytest.raises(DataError, match="'left' has no frame"):
        train(config, lacking, tmp_path / "run")


def test_the_seeds_recipe_is_the_seeds():
    from training.pipeline.recipes import SEED, make_optimizer

    load_keras()
    optimizer = make_optimizer(SEED, 100)
    assert type(optimizer).__name__ == "SGD"
    assert optimizer.momentum == 0.9
    rate = optimizer._learning_rate
    assert float(rate(0)) == pytest.approx(0.01)
    assert float(rate(2000)) == pytest.approx(0.01 / (1 + 5e-4 * 2000))
    assert (SEED.batch, SEED.epochs, SEED.patience) == (64, 15, 3)
