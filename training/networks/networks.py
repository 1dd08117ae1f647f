"""MobileNet v1 by block, and networks to compare it with, each with a head for three commands.

Architecture: Howard et al. 2017, "MobileNets" (arXiv:1704.04861). Which blocks are copied and
which are frozen follows Yosinski et al. 2014, "How transferable are features in deep neural
networks?" (arXiv:1411.1792): A is ImageNet, B is the lane. Scaling and upsampling are layers of
the graph, so that training and driving cannot disagree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.errors import ModelError
from controller.frames import CLASS_NAMES, REFERENCE_SHAPE
from training.backend import load_keras, load_model
from training.errors import SpecError
from training.networks.trunks import (
    DFN,
    EXTRACTORS,
    MOBILENET,
    SMALLEST_SIDE,
    features_of,
    first_line,
    scale_frames,
)

BLOCKS = 13
UPSAMPLED_SIZE = 224
"""Height and width that MobileNet v1 was designed for (Howard et al. 2017, table 1)."""
STATISTICS_MOMENTUM = 0.95
"""Of batch-norm's moving statistics. Keras' 0.99 forgets in hundreds of steps where it starts,
which an epoch of a hobbyist's recording does not have: the first epochs would be judged by
statistics that are still mostly the initial ones."""

HEAD = "probabilities"
"""Name of the last layer."""

_BLOCK_OF_LAYER = re.compile(r"conv_(?:dw|pw|pad)_(\d+)")


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """What to build.

    Attributes:
        name: What people call it, such as ``sliced11`` or ``baseB+``.
        blocks: The network is cut after this block (1 to 13; 13 is the whole network).
        alpha: Width multiplier of every layer, above 0 to 1.
        height: Height of the frames, in pixels.
        width: Width of the frames, in pixels.
        upsample: Scale frames to 224x224 inside the graph.
        weights: ``random``, ``imagenet`` (Keras' own download), a ``.h5`` file of MobileNet v1
            without top, or a ``.keras`` file trained by this package.
        copied: Blocks 1 to this one start from ``weights``; the others at random. A trunk without
            blocks is copied whole.
        frozen: Blocks 1 to this one do not learn, batch-norm statistics included. A trunk without
            blocks is frozen whole unless this is 0.
        dropout: Share of the pooled features dropped while training.
        family: `training.networks.trunks`' name of the trunk.
        copied_head: The head starts from ``weights``, a ``.keras`` file, too.
    """

    name: str
    blocks: int = BLOCKS
    alpha: float = 1.0
    height: int = REFERENCE_SHAPE[0]
    width: int = REFERENCE_SHAPE[1]
    upsample: bool = False
    weights: str = "random"
    copied: int = BLOCKS
    frozen: int = 0
    dropout: float = 0.1
    family: str = MOBILENET
    copied_head: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.blocks <= BLOCKS:
            raise SpecError(f"block {self.blocks}: MobileNet v1 has blocks 1 to {BLOCKS}")
        if not 0.0 < self.alpha <= 1.0:
            raise SpecError(f"alpha {self.alpha}: must be above 0 and at most 1")
        if not (0 <= self.copied <= BLOCKS and 0 <= self.frozen <= self.blocks):
            raise SpecError(f"{self.name}: copied {self.copied}, frozen {self.frozen} of 13 blocks")
        least = SMALLEST_SIDE[self.family]
        if not self.upsample and min(self.height, self.width) < least:
            raise SpecError(
                f"frames of {self.height}x{self.width} are too small for {self.family} "
                f"({least} pixels a side at least); use --upsample"
            )
        if self.family in EXTRACTORS and self.alpha != 1.0:
            raise SpecError(f"{self.family} has no width multiplier; leave --alpha out")

    @property
    def pretrained(self) -> bool:
        """Whether it starts from trained weights."""
        return self.weights != "random"

    def describe(self) -> str:
        """The trunk, its size and where it starts from, in words."""
        size = f"{self.height}x{self.width}" + (" up to 224x224" if self.upsample else "")
        start = self.weights if self.weights in ("random", "imagenet") else "given weights"
        trunk = f"blocks 1 to {self.blocks}" if self.family == MOBILENET else self.family
        return f"{self.name}: {trunk}, alpha {self.alpha}, {size}, {start}"


def spec_of(name: str, weights: str = "random", **changes: Any) -> NetworkSpec:  # noqa: ANN401
    """The specification of a network by its name in the study.

    Args:
        name: ``sliced N``, ``baseB``, ``baseB+``, ``BnB``, ``BnB+``, ``AnB`` or ``AnB+`` with n
            as a number: ``sliced11``, ``B5B``, ``A7B+``; ``DFN``; ``VGG16``, ``InceptionV3``,
            ``ResNet50`` or ``Xception`` with a frozen trunk, with ``+`` a trained one.
        weights: Where initial weights come from: the networks that learnt task A need ImageNet's,
            ``BnB`` and ``BnB+`` the ``.keras`` file of a trained baseB.
        changes: Fields of `NetworkSpec` to set.

    Raises:
        SpecError: If there is no network of that name.
    """
    sliced = re.fullmatch(r"sliced\s*(\d+)", name)
    if sliced:
        return NetworkSpec(f"sliced{sliced[1]}", int(sliced[1]), weights=weights, **changes)
    if name == "baseB":
        return NetworkSpec(name, weights="random", **changes)
    if name == "baseB+":
        return NetworkSpec(name, weights=weights, **changes)
    transfer = re.fullmatch(r"([AB])(\d+)B(\+?)", name)
    if transfer:
        n = int(transfer[2])
        if not 1 <= n <= BLOCKS:
            raise SpecError(f"{name}: MobileNet v1 has blocks 1 to {BLOCKS}")
        frozen = 0 if transfer[3] else n
        return NetworkSpec(name, weights=weights, copied=n, frozen=frozen, **changes)
    if name == DFN:
        return NetworkSpec(name, family=DFN, weights=weights, **{"dropout": 0.0, **changes})
    if name.removesuffix("+") in EXTRACTORS:
        frozen = 0 if name.endswith("+") else BLOCKS
        family = name.removesuffix("+")
        return NetworkSpec(name, family=family, weights=weights, **{"frozen": frozen, **changes})
    raise SpecError(
        f"{name!r} is no network: sliced1..13, baseB, baseB+, B1B..B13B, B1B+.., A1B.., A1B+.., "
        f"{DFN}, {', '.join(EXTRACTORS)} are"
    )


def block_of_layer(name: str) -> int | None:
    """The block (1 to 13) that a layer belongs to by its name; None outside the blocks.

    The first convolution belongs to block 1: without it no block has an input.
    """
    match = _BLOCK_OF_LAYER.match(name)
    if match:
        return int(match[1])
    return 1 if name.startswith("conv1") else None


def build_network(spec: NetworkSpec) -> Any:  # noqa: ANN401 - Keras has no types
    """Build a network.

    Args:
        spec: What to build.

    Returns:
        A Keras model: ``(N, height, width, 3)`` RGB values 0 to 255 in, ``(N, 3)`` probabilities
        in the label order out.

    Raises:
        ModelError: If the weights cannot be loaded or do not fit.
    """
    keras = load_keras()
    layers = keras.layers
    frames = keras.Input((spec.height, spec.width, 3), name="frame")
    x = scale_frames(frames, spec.family)
    if spec.upsample:
        size = (UPSAMPLED_SIZE, UPSAMPLED_SIZE)
        # Not layers.Resizing: called without a training argument, Keras 3.15 takes that layer's
        # default, True, for everything after it, and batch-norm uses the batch's statistics.
        x = keras.ops.image.resize(x, size, interpolation="bilinear")
    if spec.family == MOBILENET:
        trunk = keras.applications.MobileNet(
            input_tensor=x, alpha=spec.alpha, include_top=False, weights=None
        )
        x = layers.GlobalAveragePooling2D(name="pool")(
            trunk.get_layer(f"conv_pw_{spec.blocks}_relu").output
        )
    else:
        given = "random" if spec.weights.endswith(".keras") else spec.weights
        x = features_of(x, spec.family, spec.alpha, given)
    x = layers.Dropout(spec.dropout, name="dropout")(x)
    # In single precision whatever the rest is in: probabilities of 16 bits are worth little.
    head = layers.Dense(len(CLASS_NAMES), activation="softmax", name=HEAD, dtype="float32")
    x = head(x)
    model = keras.Model(frames, x, name=re.sub(r"\W", "p", spec.name))
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = STATISTICS_MOMENTUM
    _copy_weights(spec, model)
    freeze_blocks(model, spec.frozen)
    return model


def _copy_weights(spec: NetworkSpec, model: Any) -> None:  # noqa: ANN401
    if not spec.pretrained:
        return
    if spec.family == MOBILENET:
        if spec.copied or spec.copied_head:
            source = _source(spec)
            _copy_blocks(source, model, min(spec.copied, spec.blocks), head=spec.copied_head)
    elif spec.weights.endswith(".keras"):
        _copy_in_order(load_model(Path(spec.weights)), model, head=spec.copied_head)


def _source(spec: NetworkSpec) -> Any:  # noqa: ANN401
    """A model whose layers have MobileNet's names, to copy weights from."""
    path = Path(spec.weights)
    if spec.weights != "imagenet" and path.suffix != ".h5":
        return load_model(path)
    if spec.weights != "imagenet" and not path.is_file():
        raise ModelError(f"{path}: no such file of ImageNet weights")
    keras = load_keras()
    try:
        # Any size will do: a convolution's weights do not depend on it.
        return keras.applications.MobileNet(
            input_shape=(UPSAMPLED_SIZE, UPSAMPLED_SIZE, 3),
            alpha=spec.alpha,
            include_top=False,
            weights=spec.weights,
        )
    except Exception as error:  # Keras raises whatever h5py and urllib do
        raise ModelError(
            f"ImageNet weights for alpha {spec.alpha} cannot be had from {spec.weights}: "
            f"{first_line(error)}; name a file with --imagenet-weights, or use --weights random"
        ) from error


def _copy_blocks(source: Any, target: Any, last: int, *, head: bool) -> None:  # noqa: ANN401
    names = {layer.name for layer in source.layers}
    for layer in target.layers:
        block = block_of_layer(layer.name)
        wanted = block <= last if block is not None else head and layer.name == HEAD
        if not wanted or not layer.weights:
            continue
        if layer.name not in names:
            raise ModelError(f"the weights' network has no layer {layer.name}: it is cut too early")
        try:
            layer.set_weights(source.get_layer(layer.name).get_weights())
        except ValueError as error:
            raise ModelError(
                f"weights of layer {layer.name} do not fit: is alpha the same?"
            ) from error


def _copy_in_order(source: Any, target: Any, *, head: bool) -> None:  # noqa: ANN401
    """Copy a trunk without blocks: Keras numbers some of its layers anew in every process."""
    pairs = zip(
        (layer for layer in source.layers if layer.weights),
        (layer for layer in target.layers if layer.weights),
        strict=False,
    )
    for given, layer in pairs:
        if layer.name == HEAD and not head:
            continue
        try:
            layer.set_weights(given.get_weights())
        except ValueError as error:
            raise ModelError(f"weights of layer {layer.name} are of another network") from error


def freeze_blocks(model: Any, last: int) -> None:  # noqa: ANN401
    """Freeze blocks 1 to ``last``, or a trunk without blocks where ``last`` is not 0.

    Keras runs a batch-norm layer that is not trainable in inference mode, so its statistics stay
    as they are, too.
    """
    has_blocks = any(layer.name == "conv_pw_1" for layer in model.layers)
    for layer in model.layers:
        block = block_of_layer(layer.name) if has_blocks else 1
        layer.trainable = layer.name == HEAD or block is None or block > last
