"""Train one network: build, fit, checkpoint, judge."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from training.backend import load_keras
from training.data.pool import Pool
from training.data.splits import undersample
from training.errors import RunError, TrainingError
from training.networks.fused import fuse_batch_norm
from training.networks.macs import count_macs
from training.networks.networks import NetworkSpec, build_network
from training.pipeline.batches import evaluation_batches, predict, steps_per_epoch, training_batches
from training.pipeline.recipes import Recipe, make_optimizer
from training.report.metrics import Score, score
from training.report.pictures import draw_history
from training.runs.folder import RunFolder
from training.runs.machine import Machine
from training.runs.progress import progress_callback

DEFAULT_MACHINE = Machine()


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The three parts of the data, and how they were made.

    Attributes:
        train: What the network learns from.
        validation: What early stopping and the choice of the epoch look at.
        held_out: What the network is judged on.
        how: In words, for people.
    """

    train: Pool
    validation: Pool
    held_out: Pool
    how: str


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that a run's result depends on.

    Attributes:
        network: What to build.
        recipe: How to train it.
        data: The data sets, as the user named them.
        held_out: The data sets held out, as the user named them; empty for a part of the data.
        split: How the data was split, in words.
        frames: Frames for training, for validation and held out.
        seed: Of weights, order and augmentation.
    """

    network: NetworkSpec
    recipe: Recipe
    data: tuple[str, ...]
    held_out: tuple[str, ...]
    split: str
    frames: tuple[int, int, int]
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A finished run.

    Attributes:
        folder: The run folder.
        held_out: Figures on the held-out frames.
        validation: Figures on the validation frames.
        model: The Keras model, or None where the run had been finished before.
    """

    folder: RunFolder
    held_out: Score
    validation: Score
    model: Any


def train(
    config: TrainConfig, split: Split, out: Path, machine: Machine = DEFAULT_MACHINE
) -> Trained:
    """Train a network, or resume or report a run that the folder holds already.

    Args:
        config: What to do.
        split: The frames.
        out: The run folder.
        machine: How this machine trains.

    Returns:
        The finished run.

    Raises:
        RunError: If the folder holds another run.
        DataError: If a class has no frame.
        ModelError: If initial weights cannot be loaded.
        TrainingError: If the loss is no number any more.
    """
    folder = RunFolder(out)
    folder.begin(config, machine=machine)
    if folder.complete:
        print(f"{config.network.name}: finished before, in {out}")
        result = folder.read("result.json")
        return Trained(folder, _score(result["held_out"]), _score(result["validation"]), None)
    keras = load_keras()
    keras.utils.set_random_seed(config.seed)
    train_pool = split.train
    if config.recipe.balance == "undersample":
        train_pool = undersample(train_pool, config.seed)
    train_pool.class_weights()  # every class must be there, whatever the balance
    with machine.scope():
        model, epoch, history = _start(folder, config, train_pool, machine)
    fuse_batch_norm(model)
    if epoch < config.recipe.epochs and not _exhausted(history, config.recipe.patience):
        _fit(model, epoch, history, config, train_pool, split.validation, folder, machine)
    draw_history(folder.read("history.json"), folder.path / "history.png")
    model.load_weights(folder.best_weights)
    model = machine.plain(model, config.network)
    held_out = score(split.held_out.labels, predict(model, split.held_out))
    validation = score(split.validation.labels, predict(model, split.validation))
    model.save(folder.model)
    folder.write(
        "result.json",
        {
            "held_out_drives": list(split.held_out.drives_present),
            "held_out": held_out.as_json(),
            "validation": validation.as_json(),
            "train_drives": list(split.train.drives_present),
            "parameters": model.count_params(),
            "macs": count_macs(model),
        },
    )
    folder.forget_checkpoints()
    return Trained(folder, held_out, validation, model)


def _score(facts: dict[str, Any]) -> Score:
    return Score(
        facts["frames"],
        facts["accuracy"],
        facts["balanced_accuracy"],
        tuple(tuple(row) for row in facts["confusion"]),
    )


def _start(
    folder: RunFolder, config: TrainConfig, pool: Pool, machine: Machine
) -> tuple[Any, int, list[dict[str, float]]]:
    """A compiled model with its epoch and history: as new, or as the newest checkpoint left it."""
    keras = load_keras()
    state = folder.read("checkpoint.json")
    spec = config.network if state is None else replace(config.network, weights="random")
    model = build_network(spec)
    steps = steps_per_epoch(pool, config.recipe.batch) * config.recipe.epochs
    model.compile(
        optimizer=make_optimizer(config.recipe, steps),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=config.recipe.label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        weighted_metrics=[keras.metrics.CategoricalAccuracy(name="balanced_accuracy")],
        jit_compile=machine.compiled,
    )
    if state is None:
        return model, 0, []
    path = folder.path / state["model"]
    try:
        _restore(model, keras.saving.load_model(path), state["random"])
    except Exception as error:  # Keras raises whatever its parts raise
        raise RunError(f"{path}: broken checkpoint; remove the run folder") from error
    print(f"{config.network.name}: resumed after epoch {state['epochs_done']}")
    return model, int(state["epochs_done"]), list(state["history"])


def _restore(model: Any, saved: Any, random: Mapping[str, list[int]]) -> None:  # noqa: ANN401
    """Put a saved model's numbers into a new one.

    Keras saves neither which weights are exempt from weight decay nor how far its random numbers
    have come, so that a loaded model would go on otherwise than the one that was saved.
    """
    model.set_weights(saved.get_weights())
    model.optimizer.build(model.trainable_variables)
    for variable, value in zip(model.optimizer.variables, saved.optimizer.variables, strict=True):
        variable.assign(value)
    for layer in _random_layers(model):
        layer.seed_generator.state.assign(random[layer.name])


def _fit(
    model: Any,  # noqa: ANN401
    first_epoch: int,
    history: list[dict[str, float]],
    config: TrainConfig,
    train_pool: Pool,
    validation: Pool,
    folder: RunFolder,
    machine: Machine,
) -> None:
    keras = load_keras()
    recipe = config.recipe
    steps = steps_per_epoch(train_pool, recipe.batch)
    callbacks = [
        _keeper(keras, folder, history, recipe.patience),
        progress_callback(
            config.network.name, recipe.epochs, steps * min(recipe.batch, len(train_pool)), steps
        ),
        *machine.watchers(folder.path),
    ]
    model.fit(
        training_batches(train_pool, recipe, config.seed, first_epoch),
        initial_epoch=first_epoch,
        epochs=recipe.epochs,
        steps_per_epoch=steps,
        validation_data=evaluation_batches(validation),
        callbacks=callbacks,
        shuffle=False,  # the pipeline does
        verbose=0,
    )


def _keeper(keras: Any, folder: RunFolder, history: list[Any], patience: int | None) -> Any:  # noqa: ANN401
    """A callback that keeps history, checkpoint and best weights, and stops where it must."""

    class Keeper(keras.callbacks.Callback):
        """Writes after every epoch; `checkpoint.json` comes last and names what belongs to it."""

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            figures = {key: float(value) for key, value in (logs or {}).items()}
            if not math.isfinite(figures["loss"]):
                raise TrainingError(
                    f"epoch {epoch + 1}: the loss is {figures['loss']}; lower --learning-rate"
                )
            history.append(figures)
            marks = [entry["val_balanced_accuracy"] for entry in history]
            if int(np.argmax(marks)) == len(marks) - 1:
                partial = folder.path / "part.weights.h5"
                self.model.save_weights(partial)
                partial.rename(folder.best_weights)
            name = f"epoch-{epoch + 1:03d}.keras"
            self.model.save(folder.path / name)
            random = {
                layer.name: layer.seed_generator.state.numpy().tolist()
                for layer in _random_layers(self.model)
            }
            folder.write(
                "checkpoint.json",
                {"epochs_done": epoch + 1, "model": name, "random": random, "history": history},
            )
            folder.write("history.json", history)
            for old in set(folder.path.glob("epoch-*.keras")) - {folder.path / name}:
                old.unlink()
            if _exhausted(history, patience):
                self.model.stop_training = True

    return Keeper()


def _random_layers(model: Any) -> list[Any]:  # noqa: ANN401
    """The layers that draw numbers (dropout): a saved model leaves out how far they have come."""
    return [layer for layer in model.layers if hasattr(layer, "seed_generator")]


def _exhausted(history: list[dict[str, float]], patience: int | None) -> bool:
    """Whether the validation accuracy has not risen for as long as patience lasts."""
    if patience is None or not history:
        return False
    marks = [entry["val_accuracy"] for entry in history]
    return len(marks) - 1 - int(np.argmax(marks)) >= patience


def describe(config: TrainConfig) -> str:
    """A run's configuration on one line."""
    recipe = config.recipe
    return (
        f"{config.network.describe()}; {recipe.name} recipe, {recipe.epochs} epochs, "
        f"seed {config.seed}; frames {json.dumps(config.frames)}"
    )
