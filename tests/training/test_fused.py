import numpy as np

from training.backend import load_keras
from training.networks.fused import fuse_batch_norm
from training.networks.networks import build_network, freeze_blocks, spec_of


def _trained(fused, frozen=0):
    keras = load_keras()
    keras.utils.set_random_seed(1)
    model = build_network(spec_of("sliced3", alpha=0.25, dropout=0.0))
    freeze_blocks(model, frozen)
    if fused:
        fuse_batch_norm(model)
    model.compile("sgd", "categorical_crossentropy")
    rng = np.random.default_rng(2)
    frames = rng.integers(0, 256, (8, 45, 80, 3)).astype(np.float32)
    targets = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 8)]
    for _ in range(3):
        model.train_on_batch(frames, targets)
    return model, frames


def test_the_fused_kernel_learns_what_keras_does_statistics_included(tmp_path):
    (plain, frames), (fused, _) = _trained(False), _trained(True)
    for expected, found in zip(plain.get_weights(), fused.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-4)
    np.testing.assert_allclose(fused.predict(frames), plain.predict(frames), atol=1e-3)
    # What is saved knows nothing of it.
    fused.save(tmp_path / "model.keras")
    loaded = load_keras().saving.load_model(tmp_path / "model.keras", compile=False)
    assert all("call" not in vars(layer) for layer in loaded.layers)
    np.testing.assert_allclose(loaded.predict(frames), fused.predict(frames), atol=1e-5)


def test_frozen_layers_stay_bit_equal():
    fresh = build_network(spec_of("sliced3", alpha=0.25))
    names = [layer.name for layer in fresh.layers if "bn" in layer.name]
    trained, _ = _trained(True, frozen=2)
    load_keras().utils.set_random_seed(1)
    before = build_network(spec_of("sliced3", alpha=0.25, dropout=0.0))
    changed = [
        name
        for name in names
        if any(
            not np.array_equal(old, new)
            for old, new in zip(
                before.get_layer(name).get_weights(),
                trained.get_layer(name).get_weights(),
                strict=True,
            )
        )
    ]
    assert changed == ["conv_dw_3_bn", "conv_pw_3_bn"]
