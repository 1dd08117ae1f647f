"""How a machine trains: on which devices, in which precision, compiled or not, watched or not.

None of it is part of a run's configuration: the same run may go on on another machine.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.backend import load_keras, load_tensorflow
from training.errors import SpecError
from training.networks.networks import NetworkSpec, build_network

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
XLA: dict[str, bool | str] = {"auto": "auto", "on": True, "off": False}
"""What the command line says -> what Keras takes; auto is Keras' own choice."""


@dataclass(frozen=True, slots=True)
class Machine:
    """How to train on this machine.

    Attributes:
        devices: TensorFlow's names, such as ``GPU:0``; a batch is shared between them. Empty: all
            GPUs of the machine, or the processor.
        precision: One of `PRECISIONS`; weights and what is saved are single precision always.
        xla: ``auto``, ``on`` or ``off``: whether XLA compiles the training step.
        tensorboard: Write TensorBoard's logs into the run folder.
    """

    devices: tuple[str, ...] = ()
    precision: str = "float32"
    xla: str = "auto"
    tensorboard: bool = False

    @property
    def compiled(self) -> bool | str:
        """What Keras takes as ``jit_compile``."""
        return XLA[self.xla]

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Build and compile a network in here: its variables are on every device.

        Raises:
            SpecError: If a device is not there.
        """
        tf, keras = load_tensorflow(), load_keras()
        present = [device.name.split("device:")[-1] for device in tf.config.list_logical_devices()]
        missing = [name for name in self.devices if name not in present]
        if missing:
            raise SpecError(f"no device {missing[0]}; there are {', '.join(present)}")
        names = self.devices or tuple(name for name in present if name.startswith("GPU"))
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.precision)
        try:
            if len(names) > 1:
                with tf.distribute.MirroredStrategy(list(names)).scope():
                    yield
            elif names:
                with tf.device(names[0]):
                    yield
            else:
                yield
        finally:
            keras.config.set_dtype_policy(before)

    def watchers(self, folder: Path) -> list[Any]:
        """A Keras callback that writes TensorBoard's logs, if they are wanted."""
        return [_logger(folder / "tensorboard")] if self.tensorboard else []

    def plain(self, model: Any, spec: NetworkSpec) -> Any:  # noqa: ANN401 - Keras has no types
        """The trained network as an ordinary one: single precision, on no particular device."""
        if self.precision == "float32" and len(self.devices) < 2:
            return model
        from dataclasses import replace

        single = build_network(replace(spec, weights="random"))
        single.set_weights(model.get_weights())
        return single


def _logger(folder: Path) -> Any:  # noqa: ANN401 - Keras has no types
    """A callback that writes every epoch's figures with TensorFlow's own writer.

    Keras' own callback needs the package ``tensorboard`` to write; only looking at the logs should.
    """
    tf, keras = load_tensorflow(), load_keras()
    metadata = tf.compat.v1.SummaryMetadata()
    metadata.plugin_data.plugin_name = "scalars"

    class Logger(keras.callbacks.Callback):
        """Writes; changes nothing."""

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            with tf.summary.create_file_writer(str(folder)).as_default():
                for name, value in (logs or {}).items():
                    scalar = tf.constant(float(value), tf.float32)
                    tf.summary.write(name, scalar, step=epoch, metadata=metadata)
                tf.summary.flush()

    return Logger()


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Add ``--devices``, ``--precision``, ``--xla`` and ``--tensorboard``."""
    add = parser.add_argument
    add(
        "--devices",
        default="",
        metavar="NAMES",
        help="share a batch between devices, such as GPU:0,GPU:1 (all GPUs, or the processor)",
    )
    add("--precision", choices=PRECISIONS, default="float32", help="`speed` measures them")
    add("--xla", choices=tuple(XLA), default="auto", help="compile the step; `speed` measures it")
    add("--tensorboard", action="store_true", help="write logs into the run folder")


def machine_of(args: argparse.Namespace) -> Machine:
    """What a command line with `add_machine`'s options says."""
    names = tuple(name.strip() for name in args.devices.split(",") if name.strip())
    return Machine(names, args.precision, args.xla, args.tensorboard)
