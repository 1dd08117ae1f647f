"""Folding, rounding and quantisation-aware fine-tuning of a small network."""

import json

import numpy as np
import pytest

from training.__main__ import main
from training.backend import load_keras, load_model
from training.methods.quantise_aware import RoundedNetwork, round_kernel
from training.methods.rounding import round_weights
from training.networks.folding import fold, in_one_line
from training.networks.networks import build_network, spec_of


@pytest.fixture(scope="module")
def model():
    """A network with weights and statistics as after training: nothing is 0 or 1 any more."""
    load_keras().utils.set_random_seed(3)
    network = build_network(spec_of("sliced3", alpha=0.25))
    rng = np.random.default_rng(0)
    for layer in network.layers:
        weights = layer.get_weights()
        if "_bn" in layer.name:
            gamma, beta, mean, variance = (w.shape for w in weights)
            weights = [
                rng.uniform(0.5, 1.5, gamma),
                rng.normal(0, 0.3, beta),
                rng.normal(0, 0.3, mean),
                rng.uniform(0.5, 1.5, variance),
            ]
        layer.set_weights(weights)
    return network


def _frames(count=24, seed=1):
    smooth = np.random.default_rng(seed).integers(0, 256, (count, 6, 10, 3))
    return smooth.repeat(8, axis=1).repeat(8, axis=2)[:, :45].astype(np.uint8)


def _nearest(network):
    """A folded network with every weight rounded to the nearest step."""
    network = fold(network)
    for layer in network.layers:
        if layer.weights and layer.name != "probabilities":
            kernel, bias = layer.get_weights()
            layer.set_weights([np.asarray(round_kernel(kernel, type(layer).__name__)), bias])
    return network


def test_a_folded_network_answers_the_same_without_batch_norm(model):
    folded = fold(model)
    frames = _frames().astype(np.float32)
    assert not any("_bn" in layer.name or layer.name == "dropout" for layer in folded.layers)
    assert in_one_line(folded)
    np.testing.assert_allclose(
        folded.predict(frames, verbose=0), model.predict(frames, verbose=0), atol=1e-5
    )


def test_only_batch_norm_that_a_convolution_can_take_in_is_folded():
    keras = load_keras()
    keras.utils.set_random_seed(2)
    layers = keras.layers
    frame = keras.Input((12, 16, 3))
    x = layers.Conv2D(4, 3, use_bias=False)(frame)
    x = layers.BatchNormalization(scale=False)(x)
    x = y = layers.Conv2D(4, 1, activation="relu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.BatchNormalization()(layers.SeparableConv2D(4, 3, padding="same")(x))
    x = layers.GlobalAveragePooling2D()(layers.Add()([x, y]))
    model = keras.Model(frame, layers.Dense(3, activation="softmax", name="probabilities")(x))
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.2, 1.0, w.shape) for w in model.get_weights()])
    frames = rng.uniform(-1, 1, (4, 12, 16, 3)).astype(np.float32)
    folded = fold(model)
    kinds = [type(layer).__name__ for layer in folded.layers]
    assert kinds.count("BatchNormalization") == 2
    assert not in_one_line(folded)
    np.testing.assert_allclose(
        folded.predict(frames, verbose=0), model.predict(frames, verbose=0), atol=1e-5
    )


@pytest.mark.parametrize("name", ["VGG16", "DFN"])
def test_networks_that_cannot_be_rounded_are_left_as_they_are(name):
    network = build_network(spec_of(name, height=32, width=32))
    frames = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
    answers = [
        m.predict(frames.astype(np.float32), verbose=0)
        for m in (network, round_weights(network, frames))
    ]
    np.testing.assert_allclose(*answers, atol=1e-5)


def test_upsampled_networks_are_rounded_on_fewer_frames(monkeypatch):
    from training.methods import rounding

    monkeypatch.setattr(rounding, "FIRST_PLACES", 3 * 112 * 112)
    network = build_network(spec_of("sliced1", alpha=0.25, upsample=True))
    rounded = round_weights(network, _frames())
    logits = [
        RoundedNetwork(m).logits(_frames(4).astype(np.float32), rounded=False)
        for m in (fold(network), rounded)
    ]
    np.testing.assert_allclose(*(np.asarray(x) for x in logits), atol=0.05)


def test_rounded_weights_lie_on_the_converters_grid_and_stay_there(model):
    rounded = round_weights(model, _frames())
    for layer in rounded.layers:
        if layer.weights and layer.name != "probabilities":
            kernel = layer.get_weights()[0]
            again = np.asarray(round_kernel(kernel, type(layer).__name__))
            np.testing.assert_allclose(again, kernel, atol=1e-7)
            assert len(np.unique(kernel)) < kernel.size or kernel.size < 255


def test_errors_cancel_on_frames_that_were_not_looked_at(model):
    exact = fold(model)
    logits = load_keras().Model
    others = _frames(seed=2).astype(np.float32)
    features = [
        logits(m.input, m.get_layer("pool").output).predict(others, verbose=0)
        for m in (exact, _nearest(model), round_weights(model, _frames(100)))
    ]
    nearest, cancelled = (np.square(x - features[0]).mean() for x in features[1:])
    assert cancelled < nearest / 2


def test_the_network_runs_with_and_without_rounding(model):
    network = RoundedNetwork(round_weights(model, _frames()))
    frames = _frames(seed=2).astype(np.float32)
    plain = np.asarray(network.logits(frames, rounded=False))
    kept = fold(network.model).predict(frames, verbose=0)
    softmax = np.exp(plain) / np.exp(plain).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax, kept, atol=1e-5)
    rounded = np.asarray(network.logits(frames, rounded=True))
    assert 0 < np.abs(rounded - plain).max() < 0.2


def test_the_command_trains_goes_on_after_a_kill_and_says_what_8_bits_change(
    tmp_path, capsys, lane_frames, monkeypatch
):
    lane_frames(60).save(tmp_path / "set")
    build_network(spec_of("sliced1", alpha=0.25)).save(tmp_path / "m.keras")
    shared = [str(tmp_path / "m.keras"), "--data", str(tmp_path / "set"), "--batch", "16", "--json"]
    command = ["quantise-aware", *shared, "--epochs", "2", "--out"]
    assert main([*command, str(tmp_path / "whole")]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["agreement_rounded"] > 0.5
    assert facts["before"]["frames"] == facts["rounded"]["frames"]

    from training.methods import quantise_aware

    real = quantise_aware.FineTuning.train_epoch

    def dies_in_the_second(self, pool, recipe, seed, epoch):
        if epoch == 1:
            raise KeyboardInterrupt
        return real(self, pool, recipe, seed, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(quantise_aware.FineTuning, "train_epoch", dies_in_the_second)
        assert main([*command, str(tmp_path / "killed")]) == 1
    assert main([*command, str(tmp_path / "killed")]) == 0
    assert "resumed after epoch 1" in capsys.readouterr().err
    whole, resumed = (load_model(tmp_path / name) for name in ("whole", "killed"))
    for left, right in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_networks_whose_layers_branch_are_refused(tmp_path, capsys, lane_frames):
    lane_frames(60).save(tmp_path / "set")
    keras = load_keras()
    frame = keras.Input((45, 80, 3))
    x = keras.layers.Conv2D(4, 3, padding="same")(frame)
    x = keras.layers.Add()([x, keras.layers.Conv2D(4, 3, padding="same")(x)])
    x = keras.layers.GlobalAveragePooling2D()(x)
    keras.Model(frame, keras.layers.Dense(3, activation="softmax")(x)).save(tmp_path / "m.keras")
    code = main(
        [
            *("quantise-aware", str(tmp_path / "m.keras"), "--data", str(tmp_path / "set")),
            *("--out", str(tmp_path / "out")),
        ]
    )
    assert code == 2
    assert "for MobileNet and the DFN" in capsys.readouterr().err
