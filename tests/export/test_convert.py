import numpy as np
import pytest

from controller.errors import ModelError
from controller.model.cards import write_card
from controller.model.pilot import TflitePilot
from export.convert.calibration import choose, frames_of
from export.convert.formats import FORMATS, parse_formats
from export.convert.operators import Anatomy, Operator, check, dissect, float_islands
from export.convert.tflite import convert
from export.errors import ConversionError, ExportUsageError
from training.backend import load_keras, load_model
from training.data.pool import Pool
from training.data.registry import open_dataset
from training.networks.networks import build_network, spec_of
from training.pipeline.batches import predict


@pytest.fixture(scope="module")
def material(trained):
    model = load_model(trained / "run")
    frames = frames_of(choose(Pool.of([open_dataset(trained / "train")]), 60))
    return model, frames


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_takes_raw_bytes_and_answers_like_keras(form, material, trained, tmp_path):
    model, frames = material
    data = convert(model, form, frames, tmp_path / "log")
    anatomy = dissect(data)
    check(anatomy, form)
    path = tmp_path / "m.tflite"
    path.write_bytes(data)
    write_card(path, "m", (45, 80), {})
    pilot = TflitePilot(path)
    held = Pool.of([open_dataset(trained / "held")])
    expected = predict(model, held)
    for frame, probabilities in zip(held.gather(slice(0, 30)), expected, strict=False):
        pilot.fit(frame)
        tolerance = {"float32": 1e-5, "float16": 5e-3}.get(form, 0.1)
        np.testing.assert_allclose(pilot.infer(), probabilities, atol=tolerance)


def test_int8_has_no_float_and_folds_batch_norm(material, tmp_path):
    model, frames = material
    anatomy = dissect(convert(model, "int8", frames, tmp_path / "log"))
    assert float_islands(anatomy) == ()
    counts = anatomy.counts()
    assert counts["CONV_2D"] == 5  # the first convolution and four pointwise ones
    assert counts["DEPTHWISE_CONV_2D"] == 4
    # Bytes in and out, the input's scaling, and nothing else beside the network itself.
    assert counts["MUL"] == counts["ADD"] == 1
    assert counts["QUANTIZE"] == 2
    assert set(counts) == {
        "ADD",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "FULLY_CONNECTED",
        "MEAN",
        "MUL",
        "PAD",
        "QUANTIZE",
        "SOFTMAX",
    }


def test_upsampling_is_quantised_too(tmp_path, lane_frames):
    model = build_network(spec_of("sliced1", alpha=0.25, upsample=True))
    data = convert(model, "int8", lane_frames(6).frames, tmp_path / "log")
    anatomy = dissect(data)
    assert "RESIZE_BILINEAR" in anatomy.counts()
    assert float_islands(anatomy) == ()


def test_the_converters_noise_goes_to_the_log(material, tmp_path, capfd):
    model, frames = material
    convert(model, "int8", frames, tmp_path / "log")
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err == ""
    assert (tmp_path / "log").is_file()


def test_a_layer_that_cannot_be_quantised_is_named(tmp_path, lane_frames):
    keras = load_keras()
    frames = keras.Input((45, 80, 3))
    x = keras.layers.Conv2D(4, 3, strides=8, activation="relu")(frames)
    x = keras.layers.Lambda(lambda value: keras.ops.erf(value), name="strange")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(3, activation="softmax")(x)
    model, frames = keras.Model(frames, x), lane_frames(6).frames

    def make_and_check():
        check(dissect(convert(model, "int8", frames, tmp_path / "log")), "int8")

    with pytest.raises(ConversionError, match="int8"):
        make_and_check()


def _anatomy(**changes):
    fine = {
        "operators": (Operator("CONV_2D", ("INT8", "INT8"), ("c",)),),
        "signatures": ("serving_default",),
        "input_type": "UINT8",
        "input_scale": 1.0,
        "input_zero": 0,
    }
    return Anatomy(**{**fine, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"input_scale": 0.998}, "raw bytes"),
        ({"input_zero": 1}, "raw bytes"),
        ({"input_type": "FLOAT32"}, "raw bytes"),
        ({"signatures": ()}, "exactly one"),
        ({"operators": (Operator("FLEXErf", ("INT8",), ("e",)),)}, "not in the built-in"),
        ({"operators": (Operator("ADD", ("FLOAT32",), ("sum",)),)}, r"in float: ADD \(sum\)"),
    ],
)
def test_what_the_car_may_not_trust_is_refused(changes, words):
    check(_anatomy(), "int8")
    with pytest.raises(ConversionError, match=words):
        check(_anatomy(**changes), "int8")


def test_formats_are_parsed_by_name():
    assert parse_formats("int8, float32,int8") == ("int8", "float32")
    for wrong in ("", "int4", "int8,foo"):
        with pytest.raises(ExportUsageError):
            parse_formats(wrong)


def test_what_is_no_model_is_said():
    with pytest.raises(ModelError, match="no TFL3"):
        dissect(b"hello, this is text")
