import json

import numpy as np
import pytest

from training.__main__ import main
from training.backend import load_keras, load_model
from training.data.pool import Pool
from training.errors import SpecError
from training.methods import features as features_module
from training.methods.features import FeatureCache, fit_head, key_of, train_head, trunk_of
from training.methods.strategies import STRATEGIES, advise, count_moments, head_spec, thin
from training.networks.networks import HEAD, build_network, spec_of


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A small network whose weights stand for trained ones."""
    load_keras().utils.set_random_seed(4)
    path = tmp_path_factory.mktemp("base") / "base.keras"
    build_network(spec_of("sliced4", alpha=0.25)).save(path)
    return path


def _network(base, **changes):
    return build_network(spec_of("sliced4", str(base), alpha=0.25, frozen=4, **changes))


def test_features_are_what_the_head_gets(base, tmp_path, lane_frames):
    model, pool = _network(base), Pool.of([lane_frames(12)])
    found = FeatureCache(tmp_path).features(trunk_of(model), pool)
    assert found.shape == (12, 64)
    kernel, bias = model.get_layer(HEAD).get_weights()
    logits = found @ kernel + bias
    frames = pool.gather(slice(None)).astype(np.float32)
    answers = model.predict(frames, verbose=0)
    np.testing.assert_allclose(
        np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), answers, atol=1e-5
    )
    mirrored = FeatureCache(tmp_path).features(trunk_of(model), pool, mirrored=True)
    wanted = trunk_of(model).predict(frames[:, :, ::-1], verbose=0)
    np.testing.assert_allclose(mirrored, wanted, atol=1e-5)


def test_features_are_computed_once(base, tmp_path, lane_frames, monkeypatch):
    pool, cache = Pool.of([lane_frames(12)]), FeatureCache(tmp_path)
    first = cache.features(trunk_of(_network(base)), pool)
    (file,) = tmp_path.glob("*.npy")
    changed = file.stat().st_mtime_ns
    np.testing.assert_array_equal(cache.features(trunk_of(_network(base)), pool), first)
    assert file.stat().st_mtime_ns == changed
    file.write_bytes(b"half")
    with pytest.raises(features_module.DataError, match=r"broken features.*remove the file"):
        cache.features(trunk_of(_network(base)), pool)


def test_the_key_changes_with_frames_network_and_weights(base, lane_frames):
    pool = Pool.of([lane_frames(12)])
    trunk = trunk_of(_network(base))
    key = key_of(trunk, pool)
    assert key == key_of(trunk_of(_network(base)), Pool.of([lane_frames(12)]))
    others = [
        key_of(trunk, pool, mirrored=True),
        key_of(trunk, pool.take(np.arange(11))),
        key_of(trunk, Pool.of([lane_frames(12, 1)])),
        key_of(trunk_of(_network(base, upsample=True)), pool),
    ]
    model = _network(base)
    layer = model.get_layer("conv_pw_4_bn")
    layer.set_weights([w + np.float32(1e-3) for w in layer.get_weights()])
    others.append(key_of(trunk_of(model), pool))
    assert len({key, *others}) == 6


def test_a_head_finds_what_is_in_the_features():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300).astype(np.uint8)
    found = rng.normal(0, 1, (300, 20)).astype(np.float32) * 50 + 7
    found[:, 3] += 400 * (labels == 1)
    found[:, 5] += 400 * (labels == 2)
    head = fit_head(found[:200], labels[:200], found[200:], labels[200:])
    assert (head.answers(found[200:]).argmax(axis=1) == labels[200:]).mean() > 0.97
    assert head.validation > 0.97


def test_a_trained_head_sits_on_a_trunk_that_is_as_before(base, tmp_path, lane_frames):
    model = _network(base)
    before = [w.copy() for w in model.get_weights()[:-2]]
    train_head(
        model, Pool.of([lane_frames(150, 1)]), Pool.of([lane_frames(60, 2)]), FeatureCache(tmp_path)
    )
    for old, new in zip(before, model.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(old, new)
    held = Pool.of([lane_frames(90, 3)])
    answers = model.predict(held.gather(slice(None)).astype(np.float32), verbose=0)
    assert (answers.argmax(axis=1) == held.labels).mean() > 0.8


def test_moments_are_counted_not_frames(lane_frames):
    pool = Pool.of([lane_frames(60, drives=("a", "b"))])  # 20 Hz: 10 frames are a moment
    assert count_moments(pool) == (6, 6)
    assert len(thin(pool, 15)) == 15
    assert thin(pool, 100) is pool


def test_much_and_little_like_and_unlike_data_get_different_advice(
    base, tmp_path, lane_frames, monkeypatch
):
    pools = Pool.of([lane_frames(60)]), Pool.of([lane_frames(30, 2)])
    cache = FeatureCache(tmp_path)
    from training.methods import strategies

    names = {}
    for border in (3, 100):
        monkeypatch.setattr(strategies, "LITTLE_BELOW", border)
        for late in (0.9, 0.5):
            marks = {strategies.EARLY_BLOCK: 0.7, strategies.BLOCKS: late}
            monkeypatch.setattr(strategies, "_probe", lambda n, *rest, m=marks: m[n])
            advice = advise(*pools, "some.h5", cache)
            names[border == 3, late == 0.9] = advice.strategy.name
            assert f"{late:.3f}" in advice.reasons[1]
    assert names == {(s.much, s.alike): s.name for s in STRATEGIES.values()}
    unknown = advise(*pools, "random", cache)
    assert unknown.strategy.name == "retrain"
    assert "no trained weights" in unknown.reasons[1]


def test_frozen_features_of_random_weights_are_refused():
    with pytest.raises(SpecError, match="need trained weights"):
        head_spec(spec_of("sliced11"), STRATEGIES["head"])
    early = head_spec(spec_of("sliced11", "imagenet"), STRATEGIES["early-head"])
    assert (early.name, early.blocks, early.frozen) == ("sliced5", 5, 5)
    with pytest.raises(SpecError, match="cuts a MobileNet"):
        head_spec(spec_of("VGG16", "imagenet"), STRATEGIES["early-head"])


def test_the_commands_train_heads_and_fine_tune_in_two_stages(base, tmp_path, capsys, lane_frames):
    lane_frames(150, drives=("one", "two")).save(tmp_path / "set")
    shared = ["--data", str(tmp_path / "set"), "--network", "sliced4", "--alpha", "0.25", "--json"]
    shared += ["--cache", str(tmp_path / "cache"), "--weights", str(base)]
    assert main(["features", *shared, "--out", str(tmp_path / "head")]) == 0
    assert json.loads(capsys.readouterr().out)["held_out"]["balanced_accuracy"] > 0.5
    files = sorted(p.name for p in (tmp_path / "cache").iterdir())
    tune = ["train", *shared, "--strategy", "fine-tune", "--unfreeze", "1", "--epochs", "1"]
    assert main([*tune, "--batch", "16", "--out", str(tmp_path / "tuned")]) == 0
    assert sorted(p.name for p in (tmp_path / "cache").iterdir()) == files
    printed = capsys.readouterr().out.splitlines()[-1]
    assert set(json.loads(printed)) == {"head", "tuned"}
    head, tuned = (load_model(tmp_path / "tuned" / name) for name in ("head", "tuned"))
    for name, same in (("conv_pw_3_bn", True), ("conv_pw_4", False), (HEAD, False)):
        pairs = zip(
            head.get_layer(name).get_weights(), tuned.get_layer(name).get_weights(), strict=True
        )
        assert all(np.array_equal(one, other) for one, other in pairs) == same
    facts = json.loads((tmp_path / "tuned" / "tuned" / "run.json").read_text())
    assert facts["configuration"]["recipe"]["learning_rate"] == 2e-4


def test_auto_says_what_it_picks_and_advise_says_the_same(tmp_path, capsys, lane_frames):
    lane_frames(120, drives=("one", "two")).save(tmp_path / "set")
    data = ["--data", str(tmp_path / "set"), "--cache", str(tmp_path / "cache")]
    assert main(["advise", *data, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["strategy"] == "retrain"
    small = ["--network", "sliced1", "--alpha", "0.25", "--epochs", "1", "--batch", "16"]
    assert main(["train", *data, *small, "--out", str(tmp_path / "o"), "--strategy", "auto"]) == 0
    assert "take: --strategy retrain" in capsys.readouterr().err
    head = ["train", *data, *small, "--out", str(tmp_path / "h"), "--strategy", "head"]
    assert main(head) == 2
    assert "need trained weights" in capsys.readouterr().err
