"""Bottleneck features: what a frozen trunk makes of every frame, computed once, and heads on them.

A frozen trunk gives the same features in every epoch. They are kept on disk under a key of the
frames, the network and its weights, so that another head costs seconds.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from controller.errors import DataError
from training.backend import load_keras
from training.data.pool import Pool
from training.networks.networks import HEAD
from training.pipeline.augment import MIRRORED_CLASS
from training.report.metrics import score

Features = npt.NDArray[np.float32]

STRENGTHS = (0.001, 0.01, 0.1, 1.0)
"""Inverse strengths of the head's regularisation that are tried on the validation frames."""
_BATCH = 256


def trunk_of(model: Any) -> Any:  # noqa: ANN401 - Keras has no types
    """The part of a network in front of its head, dropout left out."""
    keras = load_keras()
    features = model.get_layer(HEAD).input
    producer = features._keras_history.operation
    if isinstance(producer, keras.layers.Dropout):
        features = producer.input
    return keras.Model(model.input, features)


@dataclass(frozen=True, slots=True)
class FeatureCache:
    """A folder of features.

    Attributes:
        folder: Where they are kept, one ``.npy`` file for each key; made when needed.
    """

    folder: Path

    def features(self, trunk: Any, pool: Pool, *, mirrored: bool = False) -> Features:  # noqa: ANN401
        """A trunk's features of every frame of a pool, from disk where they are there.

        Args:
            trunk: What `trunk_of` gave.
            pool: The frames.
            mirrored: Show the trunk each frame's mirror image.

        Returns:
            ``(N, features) float32`` in the order of the pool.

        Raises:
            DataError: If a file of the cache is broken.
            OSError: If the folder cannot be written.
        """
        path = self.folder / f"{key_of(trunk, pool, mirrored=mirrored)}.npy"
        if path.is_file():
            try:
                stored = np.load(path)
            except (OSError, ValueError, EOFError) as error:
                raise DataError(f"{path}: broken features: {error}; remove the file") from error
            if stored.shape != (len(pool), trunk.output_shape[1]):
                raise DataError(f"{path}: broken features {stored.shape}; remove the file")
            return stored
        parts = []
        for start in range(0, len(pool), _BATCH):
            frames = pool.gather(slice(start, start + _BATCH)).astype(np.float32)
            parts.append(trunk.predict(frames[:, :, ::-1] if mirrored else frames, verbose=0))
        found = np.concatenate(parts).astype(np.float32)
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part.npy")
        np.save(partial, found)
        partial.rename(path)
        return found


def key_of(trunk: Any, pool: Pool, *, mirrored: bool = False) -> str:  # noqa: ANN401
    """The name of a trunk's features of some frames: it changes with any bit of either."""
    digest = hashlib.sha256(f"{pool.shape} {len(pool)} {mirrored}".encode())
    for operation in trunk.operations:
        # Keras numbers some names anew in every process.
        config = {k: v for k, v in operation.get_config().items() if k != "name"}
        digest.update(f"{type(operation).__name__} {config}".encode())
        for weight in getattr(operation, "weights", ()):
            digest.update(np.ascontiguousarray(weight).tobytes())
    for start in range(0, len(pool), _BATCH):
        digest.update(pool.gather(slice(start, start + _BATCH)).tobytes())
    return digest.hexdigest()[:24]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A linear head.

    Attributes:
        kernel: ``(features, 3)``.
        bias: ``(3,)``.
        strength: The inverse strength of regularisation that did best.
        validation: Balanced accuracy on the validation frames, 0 to 1.
    """

    kernel: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]
    strength: float
    validation: float

    def answers(self, features: Features) -> npt.NDArray[np.float64]:
        """``(N, 3)`` logits."""
        return features @ self.kernel + self.bias


def fit_head(
    train: Features,
    labels: npt.NDArray[np.uint8],
    validation: Features,
    validation_labels: npt.NDArray[np.uint8],
) -> Head:
    """Logistic regression with classes that count alike; the best of `STRENGTHS` on validation.

    Features are brought to mean 0 and deviation 1 first; the head that comes out takes them raw.

    Args:
        train: ``(N, features)``.
        labels: ``(N,)`` 0 to 2; every class must be there.
        validation: ``(M, features)``.
        validation_labels: ``(M,)``.
    """
    from sklearn.linear_model import LogisticRegression

    mean, deviation = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    deviation = np.maximum(deviation, 1e-6)
    standard = ((train - mean) / deviation).astype(np.float32)
    best: Head | None = None
    for strength in STRENGTHS:
        fitted = LogisticRegression(C=strength, class_weight="balanced", max_iter=300)
        fitted.fit(standard, labels)
        kernel = fitted.coef_.T / deviation[:, None]
        head = Head(kernel, fitted.intercept_ - mean @ kernel, strength, 0.0)
        mark = score(validation_labels, head.answers(validation)).balanced_accuracy
        if best is None or mark > best.validation:
            best = Head(head.kernel, head.bias, strength, mark)
    if best is None:
        raise DataError("no strength of regularisation to try")
    return best


def train_head(model: Any, train: Pool, validation: Pool, cache: FeatureCache) -> Head:  # noqa: ANN401
    """Put a head on a network's trunk that does best on its features and their mirror images.

    Args:
        model: The network; its head is set in place.
        train: Frames to learn from.
        validation: Frames to choose the regularisation on.
        cache: Where features are kept.

    Raises:
        DataError: If a class has no frame.
    """
    train.class_weights()  # says which class is missing
    trunk = trunk_of(model)
    both = [cache.features(trunk, train, mirrored=mirrored) for mirrored in (False, True)]
    labels = np.concatenate([train.labels, MIRRORED_CLASS[train.labels]])
    head = fit_head(
        np.concatenate(both), labels, cache.features(trunk, validation), validation.labels
    )
    model.get_layer(HEAD).set_weights([head.kernel, head.bias])
    return head
