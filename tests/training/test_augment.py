import numpy as np
import pytest

from training.errors import SpecError
from training.pipeline.augment import augment
from training.pipeline.recipes import Augmentation, parse_augmentation

STILL = Augmentation(mirror=False, light=0, contrast=0, shift=0, blur=0, noise=0, shadow=0)


def _batch(count=64):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (count, 45, 80, 3)).astype(np.uint8)
    return frames, rng.integers(0, 3, count).astype(np.uint8)


def _run(how, seed=1):
    frames, labels = _batch()
    before = frames.copy()
    out, out_labels = augment(frames, labels, np.random.default_rng(seed), how)
    np.testing.assert_array_equal(frames, before)
    assert (out.dtype, out_labels.dtype) == (np.uint8, np.uint8)
    return frames, labels, out, out_labels


def test_nothing_asked_for_changes_nothing():
    frames, labels, out, out_labels = _run(STILL)
    np.testing.assert_array_equal(out, frames)
    np.testing.assert_array_equal(out_labels, labels)


def test_the_mirror_image_swaps_left_and_right():
    frames, labels, out, out_labels = _run(
        Augmentation(light=0, contrast=0, shift=0, blur=0, noise=0, shadow=0)
    )
    mirrored = 0
    for before, label, after, new in zip(frames, labels, out, out_labels, strict=True):
        if np.array_equal(before, after):
            assert new == label
            continue
        np.testing.assert_array_equal(after, before[:, ::-1])
        assert new == {0: 0, 1: 2, 2: 1}[int(label)]
        mirrored += 1
    assert 16 < mirrored < 48


def test_brightness_does_not_wrap_around():
    frames = np.full((32, 45, 80, 3), 250, np.uint8)
    how = Augmentation(**{**_fields(STILL), "light": 0.5})
    out, _ = augment(frames, np.zeros(32, np.uint8), np.random.default_rng(0), how)
    assert out.min() > 80
    assert out.max() == 255


def test_noise_is_as_strong_as_asked_for():
    frames = np.full((200, 45, 80, 3), 128, np.uint8)
    how = Augmentation(**{**_fields(STILL), "noise": 10.0})
    out, _ = augment(frames, np.zeros(200, np.uint8), np.random.default_rng(0), how)
    spread = out.reshape(200, -1).std(axis=1)
    assert 8.5 < spread.max() < 11
    assert spread.min() < 1.5
    assert abs(out.mean() - 128) < 0.5


def test_the_seed_decides():
    first, again, other = (_run(Augmentation(), seed)[2] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


VALUES = {
    "light": 0.3,
    "contrast": 0.3,
    "shift": 0.1,
    "side_shift": 0.1,
    "blur": 0.5,
    "noise": 5,
    "shadow": 1.0,
}


@pytest.mark.parametrize("what", VALUES)
def test_each_change_does_something(what):
    how = Augmentation(**{**_fields(STILL), what: VALUES[what]})
    frames, _, out, _ = _run(how)
    assert not np.array_equal(frames, out)


def _fields(how):
    return {name: getattr(how, name) for name in how.__slots__}


def test_a_shift_moves_the_picture_and_repeats_its_edge():
    frames = np.zeros((8, 10, 20, 3), np.uint8)
    frames[:, 5, 10] = 255
    how = Augmentation(**{**_fields(STILL), "shift": 0.2, "side_shift": 0.2})
    out, _ = augment(frames, np.zeros(8, np.uint8), np.random.default_rng(0), how)
    assert len({picture.tobytes() for picture in out}) > 3
    for picture in out:
        rows, columns = np.nonzero(picture[..., 0])
        assert len(rows) == 1
        assert abs(rows[0] - 5) <= 2
        assert abs(columns[0] - 10) <= 4


def test_the_default_never_moves_the_lane_sideways():
    frames = np.zeros((32, 45, 80, 3), np.uint8)
    frames[:, :, 40] = 255
    how = Augmentation(mirror=False, light=0, contrast=0, blur=0, noise=0, shadow=0)
    out, _ = augment(frames, np.zeros(32, np.uint8), np.random.default_rng(0), how)
    np.testing.assert_array_equal(out, frames)


def test_the_command_line_changes_single_values():
    assert parse_augmentation("default") == Augmentation()
    assert parse_augmentation("none") is None
    how = parse_augmentation("mirror=0, side_shift=0.1,noise=2")
    assert how == Augmentation(mirror=False, side_shift=0.1, noise=2.0)
    for wrong in ("shear=1", "light=bright", "light=3", "light=nan", "noise=-1", "blur"):
        with pytest.raises(SpecError, match="augmentation"):
            parse_augmentation(wrong)
