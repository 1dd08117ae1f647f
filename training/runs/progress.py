"""One line per epoch on the terminal."""

from __future__ import annotations

import sys
import time
from typing import Any

from training.backend import load_keras


def progress_callback(name: str, epochs: int, frames: int, steps: int) -> Any:  # noqa: ANN401
    """A Keras callback that prints one line per epoch, and lives on it where a person watches.

    Args:
        name: Of the network, put before each line.
        epochs: How many there will be.
        frames: Frames an epoch, for the rate.
        steps: Steps an epoch.
    """
    keras = load_keras()

    class Progress(keras.callbacks.Callback):
        """Prints; changes nothing."""

        def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            self._began = time.monotonic()
            self._epoch = epoch
            self._shown = self._began

        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            now = time.monotonic()
            if sys.stdout.isatty() and now - self._shown > 0.5:
                self._shown = now
                print(
                    f"\r{name:<10} epoch {self._epoch + 1}/{epochs}  step {batch + 1}/{steps}  "
                    f"loss {(logs or {}).get('loss', float('nan')):.3f}",
                    end="",
                    flush=True,
                )

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            logs = logs or {}
            seconds = time.monotonic() - self._began
            start = "\r" if sys.stdout.isatty() else ""
            print(
                f"{start}{name:<10} epoch {epoch + 1}/{epochs}  loss {logs.get('loss', 0):.3f}  "
                f"accuracy {logs.get('accuracy', 0):.3f}  "
                f"validation {logs.get('val_accuracy', 0):.3f} "
                f"(balanced {logs.get('val_balanced_accuracy', 0):.3f})  "
                f"{seconds:.1f} s  {frames / seconds:.0f} frames/s",
                flush=True,
            )

    return Progress()
