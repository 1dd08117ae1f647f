import itertools

import numpy as np
import pytest

from controller.errors import DataError
from training.data.pool import Pool
from training.networks.networks import build_network, spec_of
from training.pipeline.batches import evaluation_batches, predict, steps_per_epoch, training_batches
from training.pipeline.recipes import Recipe

PLAIN = Recipe(batch=8, epochs=3, augmentation=None)


def _batches(dataset):
    return [tuple(np.asarray(part) for part in batch) for batch in dataset]


def test_an_epoch_shows_each_frame_once(lane_frames):
    frames = lane_frames(32)
    pool = Pool.of([frames])
    shown = _batches(training_batches(pool, PLAIN, 0, 0, 1))
    assert len(shown) == steps_per_epoch(pool, 8) == 4
    pictures = np.concatenate([batch[0] for batch in shown]).astype(np.uint8)
    targets = np.concatenate([batch[1] for batch in shown]).argmax(axis=1)
    expected = sorted(zip(map(bytes, frames.frames), frames.labels.tolist(), strict=True))
    assert sorted(zip(map(bytes, pictures), targets.tolist(), strict=True)) == expected


def test_every_epoch_has_another_order(lane_frames):
    shown = _batches(training_batches(Pool.of([lane_frames(32)]), PLAIN, 0))
    assert len(shown) == 12
    assert not np.array_equal(shown[0][0], shown[4][0])


def test_an_epoch_depends_on_its_number_alone_so_that_a_run_can_go_on(lane_frames):
    pool = Pool.of([lane_frames(32)])
    recipe = Recipe(batch=8, epochs=3)
    whole = _batches(training_batches(pool, recipe, 5))
    resumed = _batches(training_batches(pool, recipe, 5, first_epoch=2))
    for expected, found in zip(whole[8:], resumed, strict=True):
        for left, right in zip(expected, found, strict=True):
            np.testing.assert_array_equal(left, right)
    other = next(iter(_batches(training_batches(pool, recipe, 6))))
    assert not np.array_equal(whole[0][0], other[0])


def test_weights_follow_the_labels(lane_frames):
    pool = Pool.of([lane_frames(30)])
    pool = pool.take(np.flatnonzero((pool.labels != 1) | (np.arange(30) < 12)))
    expected = pool.class_weights()
    for _, targets, weights in itertools.islice(training_batches(pool, PLAIN, 0), 3):
        labels = np.asarray(targets).argmax(axis=1)
        np.testing.assert_allclose(np.asarray(weights), expected[labels])


def test_evaluation_shows_everything_in_order(lane_frames):
    frames = lane_frames(21)
    shown = _batches(evaluation_batches(Pool.of([frames]), 8))
    assert [len(batch[0]) for batch in shown] == [8, 8, 5]
    np.testing.assert_array_equal(np.concatenate([b[0] for b in shown]), frames.frames)
    np.testing.assert_array_equal(
        np.concatenate([b[1] for b in shown]).argmax(axis=1), frames.labels
    )


def test_predict_keeps_the_order_and_refuses_another_shape(lane_frames):
    model = build_network(spec_of("sliced1", alpha=0.25))
    frames = lane_frames(9)
    answers = predict(model, Pool.of([frames]), batch=4)
    one_by_one = [np.asarray(model(f[None].astype(np.float32)))[0] for f in frames.frames]
    np.testing.assert_allclose(answers, np.stack(one_by_one), atol=1e-5)
    with pytest.raises(DataError, match="frames are 48x64, the network takes 45x80"):
        predict(model, Pool.of([lane_frames(3, shape=(48, 64))]))
