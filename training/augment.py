"""Augmentation of a whole batch in TensorFlow, every number drawn from a seed (no state)."""

from __future__ import annotations

from typing import Any

from training.backend import load_tensorflow
from training.recipes import Augmentation

MIRRORED_CLASS = (0, 2, 1)
"""The class of the mirror image: left and right change places."""


def augment(frames: Any, targets: Any, seed: Any, how: Augmentation) -> tuple[Any, Any]:  # noqa: ANN401
    """Change a batch of pictures as cameras, lamps and floors do.

    Args:
        frames: ``(N, H, W, 3) float32`` RGB values 0 to 255.
        targets: ``(N, 3) float32`` one-hot labels.
        seed: ``(2,) int32``; the same seed makes the same changes.
        how: What to do.

    Returns:
        Pictures and targets of the same shapes; pictures keep to whole values 0 to 255, as a
        camera's do.
    """
    tf = load_tensorflow()
    seeds = tf.unstack(tf.random.split(seed, 6), num=6)
    if how.mirror:
        frames, targets = _mirror(tf, frames, targets, seeds[0])
    if how.shift:
        frames = _shift(tf, frames, seeds[1], how.shift)
    if how.shadow:
        frames = _shadow(tf, frames, seeds[2], how.shadow)
    frames = _light(tf, frames, seeds[3], how)
    if how.blur:
        frames = _blur(tf, frames, seeds[4], how.blur)
    if how.noise:
        frames = _noise(tf, frames, seeds[5], how.noise)
    return tf.round(tf.clip_by_value(frames, 0.0, 255.0)), targets


def _uniform(tf: Any, seed: Any, shape: Any, low: float, high: float) -> Any:  # noqa: ANN401
    return tf.random.stateless_uniform(shape, seed, low, high)


def _mirror(tf: Any, frames: Any, targets: Any, seed: Any) -> tuple[Any, Any]:  # noqa: ANN401
    chosen = _uniform(tf, seed, [tf.shape(frames)[0]], 0.0, 1.0) < 0.5
    frames = tf.where(chosen[:, None, None, None], frames[:, :, ::-1], frames)
    swapped = tf.gather(targets, MIRRORED_CLASS, axis=1)
    return frames, tf.where(chosen[:, None], swapped, targets)


def _shift(tf: Any, frames: Any, seed: Any, share: float) -> Any:  # noqa: ANN401
    count, height, width = (tf.shape(frames)[axis] for axis in range(3))
    size = tf.cast(tf.stack([width, height]), tf.float32)
    moved = tf.round(_uniform(tf, seed, [count, 2], -share, share) * size)
    one, zero = tf.ones([count]), tf.zeros([count])
    transforms = tf.stack([one, zero, moved[:, 0], zero, one, moved[:, 1], zero, zero], axis=1)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=frames,
        transforms=transforms,
        output_shape=tf.stack([height, width]),
        fill_value=0.0,
        interpolation="NEAREST",
        fill_mode="NEAREST",
    )


def _shadow(tf: Any, frames: Any, seed: Any, share: float) -> Any:  # noqa: ANN401
    """Darken one side of a straight, slightly soft edge."""
    count, height, width = (tf.shape(frames)[axis] for axis in range(3))
    draws = _uniform(tf, seed, [count, 5], 0.0, 1.0)
    angle = draws[:, 0] * 6.2831853
    y = tf.linspace(-0.5, 0.5, height)[None, :, None]
    x = tf.linspace(-0.5, 0.5, width)[None, None, :]
    side = tf.cos(angle)[:, None, None] * x + tf.sin(angle)[:, None, None] * y
    side = tf.sigmoid((side + (draws[:, 1, None, None] - 0.5) * 0.6) * 25.0)
    depth = tf.where(draws[:, 2] < share, draws[:, 3] * 0.6, tf.zeros([count]))
    return frames * (1.0 - side * depth[:, None, None])[..., None]


def _light(tf: Any, frames: Any, seed: Any, how: Augmentation) -> Any:  # noqa: ANN401
    count = tf.shape(frames)[0]
    seeds = tf.unstack(tf.random.split(seed, 3), num=3)
    gain = 1.0 + _uniform(tf, seeds[0], [count, 1, 1, 1], -how.light, how.light)
    colour = 1.0 + _uniform(tf, seeds[1], [count, 1, 1, 3], -how.light / 3, how.light / 3)
    contrast = 1.0 + _uniform(tf, seeds[2], [count, 1, 1, 1], -how.contrast, how.contrast)
    mean = tf.reduce_mean(frames, axis=[1, 2, 3], keepdims=True)
    return (mean + (frames - mean) * contrast) * (gain * colour)


def _blur(tf: Any, frames: Any, seed: Any, most: float) -> Any:  # noqa: ANN401
    amount = _uniform(tf, seed, [tf.shape(frames)[0], 1, 1, 1], 0.0, most)
    blurred = tf.nn.avg_pool2d(frames, 3, 1, "SAME")
    return frames + (blurred - frames) * amount


def _noise(tf: Any, frames: Any, seed: Any, most: float) -> Any:  # noqa: ANN401
    seeds = tf.unstack(tf.random.split(seed, 2), num=2)
    sigma = _uniform(tf, seeds[0], [tf.shape(frames)[0], 1, 1, 1], 0.0, most)
    return frames + tf.random.stateless_normal(tf.shape(frames), seeds[1]) * sigma
