from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from controller.__main__ import main
from controller.drive.supervisor import choose
from controller.errors import ModelError
from controller.model.cards import card_path, read_card, seal_of, write_card
from controller.model.pilot import TflitePilot, dequantise, find_model, shipped_models


@pytest.fixture
def model(tmp_path):
    """A copy of the shipped model and its card."""
    shipped = find_model("default")
    copy = tmp_path / "model.tflite"
    shutil.copy(shipped, copy)
    shutil.copy(card_path(shipped), card_path(copy))
    return copy


def test_the_shipped_model_gives_probabilities(model):
    pilot = TflitePilot(model)
    assert pilot.shape == (45, 80)
    rng = np.random.default_rng(1)
    for _ in range(20):
        pilot.fit(rng.integers(0, 256, (120, 160, 3), np.uint8))
        probabilities = pilot.infer()
        assert probabilities.shape == (3,)
        assert choose(probabilities) is not None


def test_the_same_frame_gives_the_same_probabilities(model):
    frame = np.random.default_rng(2).integers(0, 256, (45, 80, 3), np.uint8)
    pilots = [TflitePilot(model), TflitePilot(model)]
    answers = []
    for pilot in [*pilots, pilots[0]]:
        pilot.fit(frame)
        answers.append(pilot.infer().copy())
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])


def _flip_a_byte(model):
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)


def _edit_card(*, sealed=True, **changes):
    """An edit of the card; sealed anew, as by a program, or by hand."""

    def edit(model):
        card = json.loads(card_path(model).read_text()) | changes
        if sealed:
            card["seal"] = seal_of(card)
        card_path(model).write_text(json.dumps(card))

    return edit


def _unseal(model):
    card = json.loads(card_path(model).read_text())
    del card["seal"]
    card_path(model).write_text(json.dumps(card))


def _certify(content):
    """A file that is no model, with a card that vouches for it."""

    def replace(model):
        model.write_bytes(content)
        write_card(model, "impostor", (45, 80), {})

    return replace


@pytest.mark.parametrize(
    ("corrupt", "says"),
    [
        (_flip_a_byte, "is not the file that its card describes"),
        (lambda model: model.write_bytes(model.read_bytes()[:1000]), "is not the file that its"),
        (lambda model: card_path(model).unlink(), "no card beside the model"),
        (lambda model: card_path(model).write_text("hello"), "not a card"),
        (lambda model: card_path(model).write_text("9" * 5000), "not a card"),
        (lambda model: card_path(model).write_text("[]"), "not a paperlane-card"),
        (_edit_card(version=99), "not a paperlane-card of version 1"),
        (_edit_card(classes=["left", "forward", "right"]), "classes are"),
        (_edit_card(classes="a\nb"), "classes are"),
        (_edit_card(sha256="a\nb"), "is not the file that its card describes"),
        (
            _edit_card(input={"height": 90, "width": 80, "dtype": "uint8", "colour_order": "RGB"}),
            "takes .* its card says one",
        ),
        (
            _edit_card(input={"height": 45, "width": 80, "dtype": "uint8", "colour_order": "BGR"}),
            "must be RGB uint8",
        ),
        (_edit_card(sealed=False, macs=1), "was changed after the exporter wrote it"),
        (_unseal, "was changed after the exporter wrote it"),
        (_certify(b"hello"), "not a model that"),
        (_certify(b""), "not a model that"),
        (_certify(bytes(range(256)) * 100), "not a model that"),
    ],
)
def test_a_model_that_is_not_what_its_card_says_is_refused(model, corrupt, says):
    corrupt(model)
    with pytest.raises(ModelError, match=says) as error:
        TflitePilot(model)
    assert "\n" not in str(error.value)


def test_the_cards_own_words_and_white_space_are_not_sealed(model):
    card = json.loads(card_path(model).read_text())
    card_path(model).write_text(json.dumps(dict(reversed(card.items()))))
    assert read_card(model).facts == card


def test_models_are_picked_by_name_and_an_unknown_name_lists_them():
    names = [path.stem for path in shipped_models()]
    assert "default" in names
    for name in names:
        assert find_model(name) == find_model(str(find_model(name)))
    with pytest.raises(ModelError, match=f"shipped: {', '.join(names)}"):
        find_model("no-such-model")


@pytest.mark.parametrize("path", shipped_models(), ids=lambda path: path.stem)
def test_shipped_models_are_small(path):
    assert path.stat().st_size < {"default": 1_850_000, "small": 200_000}[path.stem]


def test_models_lists_what_ships(capsys):
    assert main(["models", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert list(facts) == [path.stem for path in shipped_models()]
    for row in facts.values():
        assert row["agreement"] >= 0.99
    assert main(["models"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in facts)


@pytest.mark.parametrize(
    ("dtype", "values", "scale", "zero"),
    [
        (np.uint8, (0, 64, 192), 1 / 256, 0),
        (np.int8, (-128, -64, 64), 1 / 256, -128),
        (np.int8, (-128, -1, 127), 1 / 256, -128),
        (np.int16, (0, 8192, 24576), 1 / 32768, 0),
        (np.float32, (0.0, 0.25, 0.75), 1.0, 0),
    ],
)
def test_quantised_outputs_are_read_without_wrapping_round(dtype, values, scale, zero):
    out = np.empty(3, np.float32)
    dequantise(np.array(values, dtype), scale, zero, out)
    np.testing.assert_allclose(out, [(value - zero) * scale for value in values])
