import pytest

from training.backend import load_keras
from training.networks.macs import count_macs, layer_macs
from training.networks.networks import build_network, spec_of


def test_the_published_count_of_mobilenet():
    # Howard et al. 2017, table 4: 569 million, of which the 1000-way head has 1024 * 1000.
    model = build_network(spec_of("baseB", upsample=True))
    published = 569_000_000
    ours = count_macs(model) - 1024 * 3 + 1024 * 1000
    assert ours == pytest.approx(published, rel=0.002)


def test_one_block_by_hand():
    # 45x80 halves to 23x40 (same padding): stem 3*3*3*8, depthwise 3*3*8, pointwise 8*16, head.
    model = build_network(spec_of("sliced1", alpha=0.25))
    assert count_macs(model) == 23 * 40 * (3 * 3 * 3 * 8 + 3 * 3 * 8 + 8 * 16) + 16 * 3


def test_a_separable_convolution_by_hand():
    # 8x10 halves to 4x5: 3*3 for each of 3 channels, then 3*7 across them.
    keras = load_keras()
    frames = keras.Input((8, 10, 3))
    layer = keras.layers.SeparableConv2D(7, 3, strides=2, padding="same")
    assert count_macs(keras.Model(frames, layer(frames))) == 4 * 5 * (3 * 3 * 3 + 3 * 7)


def test_no_convolution_of_xception_is_left_out():
    model = build_network(spec_of("Xception", upsample=True))
    kernels = [
        layer for layer in model.layers if any(len(weight.shape) == 4 for weight in layer.weights)
    ]
    assert len(kernels) == 40  # 36 of the paper's figure 5, and 4 beside them
    assert all(layer_macs(layer) for layer in kernels)
