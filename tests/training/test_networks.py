import numpy as np
import pytest

from controller.errors import ModelError
from training.backend import load_keras, load_model
from training.errors import SpecError
from training.networks.networks import BLOCKS, NetworkSpec, block_of_layer, build_network, spec_of

# Parameters of MobileNet v1 (alpha 1) cut after block n, with a 3-way head. Counted by hand from
# table 1 of Howard et al. 2017: a block of c -> d channels has 9c + 4c + cd + 4d with its two
# batch-norms, the first convolution 864 + 128, the head 3d + 3.
SLICED_PARAMETERS = {
    1: 3_907,
    2: 13_635,
    3: 32_195,
    4: 68_035,
    5: 137_923,
    6: 275_139,
    7: 545_987,
    8: 816_835,
    9: 1_087_683,
    10: 1_358_531,
    11: 1_629_379,
    12: 2_165_955,
    13: 3_231_939,
}


@pytest.mark.parametrize("n", range(1, BLOCKS + 1))
def test_parameter_count_of_every_slice(n):
    assert build_network(spec_of(f"sliced{n}")).count_params() == SLICED_PARAMETERS[n]


# Keras documents 218,544, 829,536, 1,832,976 and 3,228,864 without top; the head adds 3 (d + 1).
@pytest.mark.parametrize(
    ("alpha", "parameters"), [(0.25, 219_315), (0.5, 831_075), (0.75, 1_835_283), (1.0, 3_231_939)]
)
def test_whole_networks_have_the_studys_count_at_every_alpha(alpha, parameters):
    assert build_network(spec_of("baseB", alpha=alpha)).count_params() == parameters


@pytest.mark.parametrize("upsample", [False, True])
def test_takes_frame_values_and_gives_probabilities(upsample, tmp_path):
    model = build_network(spec_of("sliced3", alpha=0.25, upsample=upsample))
    frames = np.random.default_rng(0).integers(0, 256, (2, 45, 80, 3)).astype(np.uint8)
    answers = np.asarray(model(frames.astype(np.float32)))
    assert answers.shape == (2, 3)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.asarray(model.predict(frames, verbose=0)), answers, atol=1e-5)
    model.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras").predict(frames, verbose=0)
    np.testing.assert_allclose(loaded, answers, atol=1e-5)


def test_scaling_is_inside_the_graph():
    model = build_network(spec_of("sliced1", alpha=0.25))
    keras = load_keras()
    scaled = keras.Model(model.input, model.get_layer("scale").output)
    frame = np.zeros((1, 45, 80, 3), np.float32)
    frame[0, 0, 0] = (0, 127.5, 255)
    np.testing.assert_allclose(np.asarray(scaled(frame))[0, 0, 0], [-1, 0, 1], atol=1e-6)


def test_names_of_the_study():
    assert spec_of("sliced 7").blocks == 7
    assert spec_of("baseB", "imagenet").weights == "random"
    assert spec_of("baseB+", "imagenet").weights == "imagenet"
    frozen = spec_of("A5B", "imagenet")
    assert (frozen.copied, frozen.frozen, frozen.blocks) == (5, 5, 13)
    fine = spec_of("B9B+", "b.keras")
    assert (fine.copied, fine.frozen, fine.weights) == (9, 0, "b.keras")
    for wrong in ("sliced14", "sliced0", "A14B", "C3B", "mobilenet"):
        with pytest.raises(SpecError):
            spec_of(wrong)
    with pytest.raises(SpecError, match="too small"):
        NetworkSpec("x", height=20)


@pytest.mark.parametrize(
    ("layer", "block"),
    [("conv1", 1), ("conv1_bn", 1), ("conv_pw_1_relu", 1), ("conv_pad_12", 12), ("pool", None)],
)
def test_layers_belong_to_blocks_by_name(layer, block):
    assert block_of_layer(layer) == block


def test_copied_blocks_are_copied_and_the_others_are_not(tmp_path):
    keras = load_keras()
    keras.utils.set_random_seed(1)
    source = build_network(spec_of("baseB", alpha=0.25))
    source.save(tmp_path / "b.keras")
    keras.utils.set_random_seed(2)
    target = build_network(spec_of("B4B", str(tmp_path / "b.keras"), alpha=0.25))
    for name, same in (("conv1", True), ("conv_pw_4", True), ("conv_pw_5", False)):
        left, right = (m.get_layer(name).get_weights()[0] for m in (source, target))
        assert np.array_equal(left, right) == same


def test_frozen_blocks_stay_bit_equal_statistics_included(tmp_path):
    keras = load_keras()
    keras.utils.set_random_seed(1)
    build_network(spec_of("baseB", alpha=0.25)).save(tmp_path / "b.keras")
    model = build_network(spec_of("B3B", str(tmp_path / "b.keras"), alpha=0.25))
    model.compile("sgd", "categorical_crossentropy")
    before = {layer.name: [w.copy() for w in layer.get_weights()] for layer in model.layers}
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (8, 45, 80, 3)).astype(np.float32)
    model.fit(frames, np.eye(3)[rng.integers(0, 3, 8)], batch_size=4, epochs=2, verbose=0)
    for layer in model.layers:
        block = block_of_layer(layer.name)
        if not layer.weights:
            continue
        pairs = zip(before[layer.name], layer.get_weights(), strict=True)
        changed = [not np.array_equal(old, new) for old, new in pairs]
        if block is not None and block <= 3:
            assert not any(changed), layer.name
        else:
            assert all(changed), layer.name


def test_real_imagenet_weights_reach_their_blocks(shared_data):
    weights = shared_data.parent / "weights" / "mobilenet_1_0_224_tf_no_top.h5"
    if not weights.is_file():
        pytest.skip("no ImageNet weights beside the checkout")
    model = build_network(spec_of("sliced2", str(weights)))
    statistics = model.get_layer("conv_pw_2_bn").get_weights()[2]
    assert np.abs(statistics).max() > 0.01


def test_weights_that_cannot_be_used_are_named(tmp_path):
    with pytest.raises(ModelError, match="no such"):
        build_network(spec_of("sliced2", str(tmp_path / "none.h5")))
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(ModelError, match=r"text\.h5"):
        build_network(spec_of("sliced2", str(tmp_path / "text.h5")))
    build_network(spec_of("sliced2", alpha=0.25)).save(tmp_path / "small.keras")
    with pytest.raises(ModelError, match="alpha"):
        build_network(spec_of("sliced2", str(tmp_path / "small.keras"), alpha=0.5))
    with pytest.raises(ModelError, match="cut too early"):
        build_network(spec_of("sliced3", str(tmp_path / "small.keras"), alpha=0.25))
