import json

import numpy as np
import pytest

from training.__main__ import main
from training.backend import load_keras, load_model
from training.data.pool import Pool
from training.methods import pruned_run
from training.methods.pruning import keep_after, left, prune, retrain
from training.networks.networks import build_network, spec_of
from training.pipeline.recipes import Recipe


def test_the_largest_weights_of_every_layer_stay():
    model = build_network(spec_of("DFN", alpha=0.02))
    before = [layer.get_weights()[0] for layer in model.layers if layer.weights]
    masks = prune(model, 0.25)
    for old, layer in zip(before, [la for la in model.layers if la.weights], strict=True):
        new = layer.get_weights()[0]
        mask = masks[layer.name]
        assert mask.sum() == round(0.25 * old.size)
        np.testing.assert_array_equal(new, old * mask)
        assert np.abs(old[mask]).min() >= np.abs(old[~mask]).max()
    assert left(model)[1] == 10800 * 6 + 6 + 6 * 3 + 3


def test_every_round_takes_the_same_share_of_the_rest():
    assert [keep_after(n, 4, 0.0625) for n in range(5)] == [1.0, 0.5, 0.25, 0.125, 0.0625]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_what_is_gone_stays_gone_while_the_rest_learns(optimizer, lane_frames):
    load_keras().utils.set_random_seed(0)
    model = build_network(spec_of("sliced1", alpha=0.25))
    masks = prune(model, 0.5)
    before = model.get_layer("conv_pw_1").get_weights()[0]
    pool = Pool.of([lane_frames(48)])
    recipe = Recipe(optimizer=optimizer, batch=16, epochs=2, learning_rate=0.01)
    figures = retrain(model, masks, recipe, pool, pool, 0)
    after = model.get_layer("conv_pw_1").get_weights()[0]
    assert len(figures) == 2
    assert not after[~masks["conv_pw_1"]].any()
    assert (after != before)[masks["conv_pw_1"]].mean() > 0.5
    assert model.get_layer("conv_dw_1").get_weights()[0].all()


def test_the_command_prunes_goes_on_after_a_kill_and_judges_every_round(
    tmp_path, capsys, lane_frames, monkeypatch
):
    lane_frames(90).save(tmp_path / "set")
    build_network(spec_of("DFN", alpha=0.02)).save(tmp_path / "m.keras")
    command = ["prune", str(tmp_path / "m.keras"), "--data", str(tmp_path / "set"), "--json"]
    command += ["--rounds", "2", "--keep", "0.25", "--epochs", "1", "--batch", "16", "--out"]
    assert main([*command, str(tmp_path / "whole")]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [row["keep"] for row in facts["rounds"]] == [1.0, 0.5, 0.25]
    kept = [row["parameters_left"] for row in facts["rounds"]]
    assert kept[2] == pytest.approx(0.25 * (10800 * 6 + 18), abs=12)
    assert kept[0] > kept[1] > kept[2]
    assert facts["rounds"][2]["compressed_bytes"] < 0.5 * facts["rounds"][0]["compressed_bytes"]

    real = pruned_run.retrain

    def dies_in_the_second(model, masks, recipe, *rest):
        if rest[-1] == 2:
            raise KeyboardInterrupt
        return real(model, masks, recipe, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(pruned_run, "retrain", dies_in_the_second)
        assert main([*command, str(tmp_path / "killed")]) == 1
    assert main([*command, str(tmp_path / "killed")]) == 0
    whole, resumed = (load_model(tmp_path / name) for name in ("whole", "killed"))
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("option", [("--keep", "0"), ("--keep", "nan"), ("--rounds", "0")])
def test_shares_that_mean_nothing_are_refused(option, tmp_path, capsys, lane_frames):
    lane_frames(60).save(tmp_path / "set")
    build_network(spec_of("DFN", alpha=0.01)).save(tmp_path / "m.keras")
    command = ["prune", str(tmp_path / "m.keras"), "--data", str(tmp_path / "set")]
    assert main([*command, "--out", str(tmp_path / "out"), *option]) == 2
    assert "a share above 0" in capsys.readouterr().err
