"""Ways of training: optimiser, schedule, balance, and what the pictures go through."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from training.backend import load_keras
from training.errors import SpecError


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What a training picture goes through, drawn anew each time it is seen.

    Attributes:
        mirror: Show the mirror image half of the time, with left and right swapped.
        light: Largest relative change of brightness, and of each colour a third of it.
        contrast: Largest relative change of contrast.
        shift: Largest shift up or down, as a share of the picture's height: a camera that nods.
        side_shift: The same to the left or right, of its width. It moves the lane and leaves the
            label, which is wrong where a car that stands beside the lane's middle must turn: 0
            unless asked for (docs/adr/0008-no-sideways-shift.md).
        blur: Largest weight of a 3x3 box blur, 0 to 1.
        noise: Largest standard deviation of pixel noise, in grey levels of 255.
        shadow: Share of pictures with a shadow's edge across them.
    """

    mirror: bool = True
    light: float = 0.35
    contrast: float = 0.3
    shift: float = 0.05
    side_shift: float = 0.0
    blur: float = 0.7
    noise: float = 6.0
    shadow: float = 0.3

    def __post_init__(self) -> None:
        for name in _SHARES:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise SpecError(f"augmentation: {name} is {getattr(self, name)}, must be 0 to 1")
        if not 0.0 <= self.noise <= 255.0:
            raise SpecError(f"augmentation: noise is {self.noise}, must be 0 to 255 grey levels")


_SHARES = ("light", "contrast", "shift", "side_shift", "blur", "shadow")


def parse_augmentation(text: str) -> Augmentation | None:
    """What pictures go through, as a command line says it.

    Args:
        text: ``none``, ``default``, or changes to the default such as ``mirror=0,side_shift=0.1``.

    Raises:
        SpecError: If a name is unknown or a value is no number.
    """
    if text == "none":
        return None
    changes: dict[str, Any] = {}
    for part in text.split(",") if text != "default" else ():
        name, _, value = part.strip().partition("=")
        if name not in ("mirror", "noise", *_SHARES):
            known = ", ".join(("mirror", "noise", *_SHARES))
            raise SpecError(
                f"augmentation {part.strip()!r}: none, default, or NAME=VALUE of {known}"
            )
        try:
            changes[name] = bool(float(value)) if name == "mirror" else float(value)
        except ValueError as error:
            raise SpecError(f"augmentation {part.strip()!r}: {value!r} is no number") from error
    return Augmentation(**changes)


BALANCES = ("weights", "undersample", "none")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train.

    Attributes:
        name: One of `RECIPES`.
        optimizer: ``adamw`` (cosine decay after a warm-up) or ``sgd`` (inverse-time decay).
        learning_rate: At its highest.
        weight_decay: Of AdamW, on everything but biases and batch-norm.
        momentum: Of SGD.
        decay: Of SGD's learning rate, per step: ``rate / (1 + decay * step)``.
        batch: Frames a step.
        epochs: Passes over the training frames.
        patience: Epochs without a better validation accuracy before stopping; None never stops.
        label_smoothing: Share of certainty taken from the label: drivers tap the stick, so labels
            beside a turn are noisy.
        balance: ``weights`` (classes count alike in the loss), ``undersample`` or ``none``.
        augmentation: What pictures go through, or None.
    """

    name: str = "default"
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    momentum: float = 0.9
    decay: float = 5e-4
    batch: int = 64
    epochs: int = 8
    patience: int | None = None
    label_smoothing: float = 0.05
    balance: str = "weights"
    augmentation: Augmentation | None = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if self.balance not in BALANCES:
            raise SpecError(f"no balance {self.balance!r}; there are {', '.join(BALANCES)}")
        if self.epochs < 1 or self.batch < 1:
            raise SpecError(
                f"{self.epochs} epochs with batches of {self.batch}: both must be at least 1"
            )
        if not math.isfinite(self.learning_rate) or self.learning_rate <= 0:
            raise SpecError(
                f"the learning rate is {self.learning_rate}, must be a finite number above 0"
            )


SEED = Recipe(
    name="seed",
    optimizer="sgd",
    learning_rate=0.01,
    weight_decay=0.0,
    epochs=15,
    patience=3,
    label_smoothing=0.0,
    balance="undersample",
    augmentation=None,
)
"""The seed study's recipe (github.com/paulaksm/transfer-learning)."""

SIMULATED = Recipe(
    name="simulated",
    batch=128,
    epochs=5,
    label_smoothing=0.02,
    balance="none",
    augmentation=Augmentation(shift=0.0, blur=0.4, noise=4.0),
)
"""For the simulator's pictures. They vary already, their labels are right, and their classes are as
frequent as on a track: weights would make a net turn wherever a picture leaves doubt, and a
picture moved sideways shows another place in the lane, where the label may be wrong."""

RECIPES = {"default": Recipe(), "seed": SEED, "simulated": SIMULATED}

FINE_TUNE_RATE = 5e-4
"""Highest learning rate of the default recipe where the network starts from trained weights."""


def recipe_of(name: str, *, pretrained: bool, **changes: Any) -> Recipe:  # noqa: ANN401
    """A recipe by name, with changes.

    Args:
        name: One of `RECIPES`.
        pretrained: The network starts from trained weights: they are treated gently.
        changes: Fields of `Recipe` to set; None leaves the recipe's own.

    Raises:
        SpecError: If there is no such recipe or a value is out of range.
    """
    if name not in RECIPES:
        raise SpecError(f"no recipe {name!r}; there are {', '.join(RECIPES)}")
    recipe = RECIPES[name]
    if name == "default" and pretrained:
        recipe = replace(recipe, learning_rate=FINE_TUNE_RATE)
    return replace(recipe, **{key: value for key, value in changes.items() if value is not None})


def make_optimizer(recipe: Recipe, steps: int) -> Any:  # noqa: ANN401 - Keras has no types
    """The Keras optimiser of a recipe.

    Args:
        recipe: The recipe.
        steps: Steps of the whole training, over which the cosine falls.
    """
    keras = load_keras()
    schedules = keras.optimizers.schedules
    if recipe.optimizer == "sgd":
        rate = schedules.InverseTimeDecay(recipe.learning_rate, 1, recipe.decay)
        return keras.optimizers.SGD(rate, momentum=recipe.momentum)
    if recipe.optimizer == "adamw":
        warmup = max(1, steps // 20)
        rate = schedules.CosineDecay(
            recipe.learning_rate / 20,
            max(1, steps - warmup),
            alpha=0.2,
            warmup_target=recipe.learning_rate,
            warmup_steps=warmup,
        )
        optimizer = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay)
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return optimizer
    raise SpecError(f"no optimiser {recipe.optimizer!r}; there are adamw and sgd")
