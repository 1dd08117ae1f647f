"""A world is the same to the last bit on every processor."""

import os
import platform
import subprocess
import sys

import cv2
import numpy as np
import pytest

from simulator.exact import blend, enlarge, settle, transform

WORLD = """
import hashlib, math
from simulator.evaluation.evaluate import EvaluationConfig, evaluate_track
from simulator.world.world import World, WorldConfig

for track, seed in (("random", 900), ("random", 902), ("oval", 3), ("mat", 5)):
    with World(WorldConfig(track, seed)) as world:
        scene, digest = world.scene, hashlib.sha256()
        for place in range(30):
            pose = world.track.pose_at(0.3 * place, 0.02, 0.4 * math.sin(place))
            digest.update(scene.picture(pose, 2.0 * math.sin(place)).tobytes())
        for part in (world.track.centre.points_m, scene.ground.image):
            digest.update(part.tobytes())
        print(track, seed, digest.hexdigest())
print(evaluate_track(EvaluationConfig(tracks=1, seconds=3), 0, None).facts)
"""
NO_FUSED_ADDITION = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    "OPENCV_CPU_DISABLE": "AVX512-SKX,AVX2,FP16",
}
"""An x86 processor of 2009, as far as numpy and OpenCV know."""


def what_a_world_is(environment):
    done = subprocess.run(
        [sys.executable, "-c", WORLD],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=True,
    )
    return done.stdout


@pytest.mark.skipif(platform.machine() != "x86_64", reason="needs a processor that can pretend")
def test_a_world_does_not_depend_on_what_the_processor_can():
    usual = what_a_world_is({})
    assert usual.count("\n") == 5
    assert what_a_world_is(NO_FUSED_ADDITION) == usual


def test_enlarging_is_opencvs_cubic():
    small = np.random.default_rng(1).standard_normal((7, 12), np.float32)
    usual = cv2.resize(small, (150, 90), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(enlarge(small, 90, 150), usual, atol=1e-5)


def test_blending_is_opencvs_within_a_rounding():
    rng = np.random.default_rng(2)
    one, other = (rng.integers(0, 256, (45, 80, 3)).astype(np.uint8) for _ in range(2))
    usual = cv2.addWeighted(one, 1.4, other, -0.4, 0).astype(int)
    mixed = blend(one, 1.4, other, -0.4)
    assert mixed.dtype == np.uint8
    assert np.abs(mixed - usual).max() <= 1
    assert (mixed == usual).mean() > 0.99
    np.testing.assert_array_equal(blend(one, 1.0, other, 0.0), one)


def test_points_go_through_an_affine_map():
    x, y = np.array([[0.0, 1.0, 2.0]], np.float32), np.array([[5.0, 5.0, 4.0]], np.float32)
    first, second = transform(x, y, np.array([[2, 0, 1], [0, -1, 3]], np.float32))
    assert first.tolist() == [[1.0, 3.0, 5.0]]
    assert second.tolist() == [[-2.0, -2.0, -1.0]]
    assert first.dtype == np.float32


def test_settling_leaves_millionths():
    assert settle([0.1 + 0.2, 1 / 3]).tolist() == [0.3, 0.333333]
