import json

import cv2
import numpy as np
import pytest

from training.__main__ import main
from training.backend import load_keras
from training.networks.networks import HEAD, build_network, spec_of
from training.report.visualise import (
    activation_maps,
    draw_activation_sheet,
    feature_maps,
    shown_layers,
    tile_maps,
)


@pytest.fixture(scope="module")
def model():
    load_keras().utils.set_random_seed(1)
    return build_network(spec_of("sliced4", alpha=0.25))


def test_every_block_has_its_maps(model, lane_frames):
    maps = feature_maps(model, lane_frames(3).frames[0])
    assert list(maps) == ["conv1_relu", *(f"conv_pw_{n}_relu" for n in range(1, 5))]
    assert [m.shape for m in maps.values()] == [
        (23, 40, 8), (23, 40, 16), (11, 20, 32), (11, 20, 32), (5, 10, 64)
    ]  # fmt: skip


def test_a_network_without_blocks_shows_the_last_layer_of_every_size():
    vgg = build_network(spec_of("VGG16", height=32, width=32))
    assert [x.output.shape[1] for x in shown_layers(vgg)] == [32, 16, 8, 4, 2, 1]


def test_activation_maps_sum_to_the_logits(model, lane_frames):
    frames = lane_frames(5).frames
    maps, probabilities = activation_maps(model, frames)
    assert maps.shape == (5, 5, 10, 3)
    bias = np.asarray(model.get_layer(HEAD).bias)
    logits = maps.sum(axis=(1, 2)) + bias
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax, probabilities, atol=1e-5)


def test_a_map_is_bright_where_the_layer_is():
    maps = np.zeros((4, 6, 3), np.float32)
    maps[1, 2, 1] = 5.0
    sheet = tile_maps(maps, "one")
    bright = sheet[22:].astype(int).sum(axis=2) > 400
    ys, xs = np.nonzero(bright)
    assert len(ys)
    assert np.ptp(ys) == np.ptp(xs) > 10


def test_red_speaks_for_the_answer_and_blue_against_it():
    frames = np.full((1, 45, 80, 3), 100, np.uint8)
    maps = np.zeros((1, 1, 2, 3), np.float32)
    maps[0, 0, :, 1] = 1.0, -1.0
    sheet = draw_activation_sheet(
        frames, np.array([1]), np.array([7]), maps, np.array([[0.1, 0.8, 0.1]], np.float32)
    )
    below = sheet[-60]
    left, right = below[20].astype(int), below[-20].astype(int)
    assert left[0] > left[2] + 50
    assert right[2] > right[0] + 50


def test_the_command_draws_pngs(model, tmp_path, capsys, lane_frames):
    lane_frames(9).save(tmp_path / "set")
    model.save(tmp_path / "m.keras")
    command = ["visualise", str(tmp_path / "m.keras"), str(tmp_path / "set"), "--json"]
    assert main([*command, "--out", str(tmp_path / "out"), "--frames", "4"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["row"] == 4
    assert len(facts["pictures"]) == 6
    for path in facts["pictures"]:
        assert cv2.imread(path) is not None
    assert main([*command, "--out", str(tmp_path / "out"), "--row", "9"]) == 2
    assert "the data has rows 0 to 8" in capsys.readouterr().err
    build_network(spec_of("DFN", alpha=0.01)).save(tmp_path / "d.keras")
    command[1] = str(tmp_path / "d.keras")
    assert main([*command, "--out", str(tmp_path / "out")]) == 2
    assert "no maps to draw" in capsys.readouterr().err
