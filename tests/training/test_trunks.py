"""Networks to compare MobileNet with, and every network of the study trained by a step."""

import numpy as np
import pytest

from training.backend import load_keras, load_model
from training.errors import SpecError
from training.networks.networks import HEAD, build_network, spec_of

# Parameters with a 3-way head. The DFN: 10800 * 276 + 276 + 276 * 3 + 3. The others: what Keras'
# documentation gives for the network without top, and 3 (features + 1).
PARAMETERS = {
    "DFN": 2_981_907,
    "VGG16": 14_714_688 + 3 * 513,
    "InceptionV3": 21_802_784 + 3 * 2049,
    "ResNet50": 23_587_712 + 3 * 2049,
    "Xception": 20_861_480 + 3 * 2049,
}
NEEDS_UPSAMPLING = ("InceptionV3", "Xception")


def _small(name):
    """The smallest frames that a trunk takes, so that the test is quick."""
    if name == "DFN":
        return {}
    side = 75 if name in NEEDS_UPSAMPLING else 45
    return {"height": side, "width": side}


def train_a_step_and_save(model, spec, tmp_path):
    """Train, save and load; the names of the layers of which any weight changed."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (4, spec.height, spec.width, 3)).astype(np.float32)
    before = {layer.name: [np.array(w) for w in layer.get_weights()] for layer in model.layers}
    model.compile(load_keras().optimizers.SGD(0.5), "categorical_crossentropy", jit_compile=False)
    model.train_on_batch(frames, np.eye(3)[[0, 1, 2, 0]])
    changed = {
        layer.name
        for layer in model.layers
        for old, new in zip(before[layer.name], layer.get_weights(), strict=True)
        if not np.array_equal(old, new)
    }
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    answers = [m.predict(frames, verbose=0) for m in (model, loaded)]
    np.testing.assert_allclose(*answers, atol=1e-5)
    return changed


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_frozen_trunk_stays_bit_equal_while_its_head_learns(name, tmp_path):
    spec = spec_of(name, **_small(name))
    model = build_network(spec)
    assert model.count_params() == PARAMETERS[name]
    changed = train_a_step_and_save(model, spec, tmp_path)
    assert changed == ({HEAD, "hidden"} if name == "DFN" else {HEAD})


def test_a_trunk_with_plus_learns_and_starts_from_a_file_trained_before(tmp_path):
    keras = load_keras()
    keras.utils.set_random_seed(1)
    first = build_network(spec_of("VGG16"))
    first.save(tmp_path / "first.keras")
    keras.utils.set_random_seed(2)
    spec = spec_of("VGG16+", str(tmp_path / "first.keras"))
    model = build_network(spec)
    for name, same in (("block1_conv1", True), ("block5_conv3", True), (HEAD, False)):
        left, right = (m.get_layer(name).get_weights()[0] for m in (first, model))
        assert np.array_equal(left, right) == same
    assert "block1_conv1" in train_a_step_and_save(model, spec, tmp_path)


def test_the_head_is_copied_where_that_is_asked_for(tmp_path):
    source = build_network(spec_of("sliced2", alpha=0.25))
    source.save(tmp_path / "s.keras")
    spec = spec_of("sliced2", str(tmp_path / "s.keras"), alpha=0.25, copied_head=True)
    for left, right in zip(source.get_weights(), build_network(spec).get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_published_weights_get_the_values_that_they_expect():
    keras = load_keras()
    frame = np.zeros((1, 45, 45, 3), np.float32)
    frame[...] = (255, 128, 0)
    for name, wanted in (
        ("VGG16", [0 - 103.939, 128 - 116.779, 255 - 123.68]),
        ("DFN", [1, 128 / 255, 0]),
    ):
        model = build_network(spec_of(name, height=45, width=45))
        scaled = keras.Model(model.input, model.get_layer("scale").output)
        np.testing.assert_allclose(np.asarray(scaled(frame))[0, 0, 0], wanted, rtol=1e-5)


def test_what_a_trunk_cannot_do_is_said():
    with pytest.raises(SpecError, match="too small for InceptionV3"):
        spec_of("InceptionV3")
    assert spec_of("Xception", upsample=True).frozen == 13
    with pytest.raises(SpecError, match="no width multiplier"):
        spec_of("VGG16", alpha=0.5)
    with pytest.raises(SpecError, match="VGG16, InceptionV3, ResNet50, Xception are"):
        spec_of("VGG19")


STUDY = [
    *(f"sliced{n}" for n in range(1, 14)),
    *(f"{kind}{n}B{plus}" for kind in "AB" for plus in ("", "+") for n in range(1, 14)),
    *("baseB", "baseB+"),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDY)
def test_every_network_of_the_study_trains_a_step_and_freezes_what_it_must(name, tmp_path):
    keras = load_keras()
    keras.utils.set_random_seed(1)
    build_network(spec_of("baseB", alpha=0.25)).save(tmp_path / "b.keras")
    spec = spec_of(name, str(tmp_path / "b.keras"), alpha=0.25)
    model = build_network(spec)
    if spec.blocks == 13:
        assert model.count_params() == 219_315
    changed = train_a_step_and_save(model, spec, tmp_path)
    wanted = {layer.name for layer in model.layers if layer.weights and layer.trainable}
    # Behind twelve frozen blocks of random weights gradients may be too small to move a weight.
    assert changed <= wanted
    assert {HEAD, f"conv_pw_{spec.blocks}_bn"} & wanted <= changed
    frozen = [layer for layer in model.layers if layer.weights and not layer.trainable]
    assert len(frozen) == (2 + 4 * spec.frozen if spec.frozen else 0)
