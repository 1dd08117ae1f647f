"""What the exporter refuses with one line and a code, and what the car then does with it."""

import json
import re
import shutil

import numpy as np
import pytest

from controller.__main__ import main as controller
from controller.model.cards import card_path, write_card
from controller.model.pilot import shipped_models
from export.__main__ import main
from training.backend import load_keras, load_tensorflow, stderr_to


def _one_line(capsys, code, *arguments):
    """The one line of a command that ends with a code."""
    assert main([str(argument) for argument in arguments]) == code
    errors = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(errors) == 1
    assert errors[0].startswith("error: ")
    return errors[0]


def _car_says(capsys, model, drive):
    """Why the car does not drive with a model."""
    capsys.readouterr()
    assert controller(["replay", str(drive), "--model", str(model)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


@pytest.fixture
def drive(lane_frames, tmp_path):
    """Frames with labels."""
    lane_frames(60).save(tmp_path / "drive")
    return tmp_path / "drive"


def _network(operation):
    """A network with one operation of Keras between its layers."""
    keras = load_keras()
    frames = keras.Input((45, 80, 3))
    x = keras.layers.Conv2D(4, 3, strides=8, activation="relu")(frames)
    x = getattr(keras.ops, operation)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(frames, keras.layers.Dense(3, activation="softmax")(x))


@pytest.mark.parametrize(
    ("operation", "says"),
    [("sin", "operators compute in float: .*Sin"), ("erfinv", "TFLite has no operator for Erfinv")],
)
def test_a_layer_that_cannot_be_quantised(operation, says, drive, tmp_path, capsys):
    _network(operation).save(tmp_path / "strange.keras")
    arguments = ("--calibration", drive, "--held-out", drive, "--formats", "int8")
    out = tmp_path / "out"
    said = _one_line(capsys, 1, tmp_path / "strange.keras", *arguments, "--out", out)
    assert re.search(says, said)
    assert not list(out.glob("*.tflite"))
    assert "no such model file" in _car_says(capsys, out / "strange.tflite", drive)


def test_an_operator_that_no_car_has_is_refused_by_the_car_too(drive, tmp_path, capsys):
    tf, network = load_tensorflow(), _network("erfinv")
    run = tf.function(
        lambda frame: network(load_keras().ops.convert_to_tensor(frame, "float32")),
        input_signature=[tf.TensorSpec((1, 45, 80, 3), tf.uint8)],
    )
    with stderr_to(tmp_path / "log"):
        functions = [run.get_concrete_function()]
        converter = tf.lite.TFLiteConverter.from_concrete_functions(functions, network)
        converter.allow_custom_ops = True
        data = converter.convert()
    model = tmp_path / "strange.tflite"
    model.write_bytes(data)
    write_card(model, "strange", (45, 80), {})
    assert "not a model that ai-edge-litert can run" in _car_says(capsys, model, drive)


@pytest.fixture
def shipped(tmp_path):
    """A copy of the shipped model with its card."""
    model = tmp_path / "copy.tflite"
    shutil.copy(shipped_models()[0], model)
    shutil.copy(card_path(shipped_models()[0]), card_path(model))
    return model


def test_a_card_edited_by_hand(shipped, drive, capsys):
    card = json.loads(card_path(shipped).read_text())
    card["held_out"]["accuracy"] = 0.99
    card_path(shipped).write_text(json.dumps(card, indent=1))
    for said in (_one_line(capsys, 2, "card", shipped), _car_says(capsys, shipped, drive)):
        assert "was changed after the exporter wrote it" in said


def test_a_file_with_one_byte_changed(shipped, drive, capsys):
    data = bytearray(shipped.read_bytes())
    data[len(data) // 3] ^= 0x10
    shipped.write_bytes(data)
    for said in (_one_line(capsys, 2, "card", shipped), _car_says(capsys, shipped, drive)):
        assert "is not the file that its card describes" in said


@pytest.mark.parametrize(
    ("corrupt", "says"),
    [
        (lambda frames: frames.take(np.flatnonzero(frames.labels != 2)), "no frame of class"),
        (None, "45x80 is needed"),
    ],
    ids=["a class missing", "wrong shape"],
)
def test_calibration_frames_that_will_not_do(
    trained, lane_frames, tmp_path, capsys, drive, corrupt, says
):
    frames = corrupt(lane_frames(60)) if corrupt else lane_frames(30, shape=(48, 64))
    frames.save(tmp_path / "calibration")
    out = tmp_path / "out"
    model = trained / "run" / "model.keras"
    said = _one_line(capsys, 2, model, "--calibration", tmp_path / "calibration", "--out", out)
    assert says in said
    assert not out.exists()
    assert "no such model file" in _car_says(capsys, out / "sliced4-int8.tflite", drive)
