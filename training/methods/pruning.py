"""Iterative magnitude pruning: take away the smallest weights, train what is left, again.

Han et al. 2015, "Learning both Weights and Connections for Efficient Neural Networks"
(arXiv:1506.02626): weights under a threshold, a layer's own, go; the rest is retrained from where
it stands, at a lower rate; the step is repeated. Biases, batch-norm and depthwise kernels (nine
weights each) stay whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from training.backend import load_keras
from training.data.pool import Pool
from training.pipeline.batches import evaluation_batches, steps_per_epoch, training_batches
from training.pipeline.recipes import Recipe, make_optimizer

Masks = dict[str, npt.NDArray[np.bool_]]
"""By layer: which weights of its kernel are left."""


def prunable(model: Any) -> list[Any]:  # noqa: ANN401 - Keras has no types
    """The layers whose kernels are pruned: dense ones and convolutions over all channels."""
    keras = load_keras()
    kinds = (keras.layers.Dense, keras.layers.Conv2D)
    return [layer for layer in model.layers if isinstance(layer, kinds) and layer.trainable]


def keep_after(round_number: int, rounds: int, keep: float) -> float:
    """Share of the weights left after a round: the same share of the rest goes in every round."""
    return float(keep ** (round_number / rounds))


def prune(model: Any, share: float) -> Masks:  # noqa: ANN401
    """Set the smallest weights of every layer to 0.

    Args:
        model: The network; changed in place.
        share: Share of each kernel's weights to keep, above 0 to 1; at least one stays.

    Returns:
        What is left of each kernel. Weights that were 0 before are the first to go.
    """
    masks = {}
    for layer in prunable(model):
        kernel, *rest = layer.get_weights()
        count = max(1, round(share * kernel.size))
        order = np.argsort(np.abs(kernel), axis=None, kind="stable")[::-1]
        mask = np.zeros(kernel.size, bool)
        mask[order[:count]] = True
        masks[layer.name] = mask.reshape(kernel.shape)
        layer.set_weights([kernel * masks[layer.name], *rest])
    return masks


def retrain(
    model: Any,  # noqa: ANN401
    masks: Masks,
    recipe: Recipe,
    train: Pool,
    validation: Pool,
    seed: int,
) -> list[dict[str, float]]:
    """Train what is left; weights that are gone stay 0.

    Args:
        model: The network; changed in place.
        masks: What `prune` gave.
        recipe: How to train.
        train: Frames to learn from.
        validation: Frames to watch.
        seed: Of order and augmentation.

    Returns:
        Keras' figures of every epoch.
    """
    keras = load_keras()
    steps = steps_per_epoch(train, recipe.batch)
    layers = [(layer.kernel, masks[layer.name]) for layer in prunable(model)]
    held = [(kernel, keras.ops.convert_to_tensor(mask, kernel.dtype)) for kernel, mask in layers]

    class Hold(keras.callbacks.Callback):
        """Momentum and decay move weights that have no gradient; back to 0 with them."""

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ANN401
            for kernel, mask in held:
                kernel.assign(kernel * mask)

    model.compile(
        optimizer=make_optimizer(recipe, steps * recipe.epochs),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        weighted_metrics=[keras.metrics.CategoricalAccuracy(name="balanced_accuracy")],
    )
    history = model.fit(
        training_batches(train, recipe, seed),
        epochs=recipe.epochs,
        steps_per_epoch=steps,
        validation_data=evaluation_batches(validation),
        callbacks=[Hold()],
        shuffle=False,
        verbose=0,
    ).history
    names = history.keys()
    return [{name: float(history[name][epoch]) for name in names} for epoch in range(recipe.epochs)]


def left(model: Any) -> tuple[int, int]:  # noqa: ANN401
    """Parameters of a network that are not 0, and all of them."""
    weights = model.get_weights()
    return int(sum(np.count_nonzero(w) for w in weights)), int(sum(w.size for w in weights))
