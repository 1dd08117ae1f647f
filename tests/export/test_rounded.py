"""What training says of 8 bits against what the converter and the car's runtime make of it."""

import numpy as np
import pytest

from controller.model.interpreter import make_interpreter
from export.convert.tflite import convert
from training.backend import load_model, load_tensorflow
from training.data.pool import Pool
from training.methods.quantise_aware import RoundedNetwork
from training.methods.rounding import round_weights


@pytest.fixture(scope="module")
def rounded(trained, tmp_path_factory):
    """A rounded network, and the int8 file that the converter makes of it."""
    from controller.recording.frameset import load_frameset

    pool = Pool.of([load_frameset(trained / "train")])
    frames = pool.gather(slice(0, 100))
    frames[0, 0, 0], frames[0, 0, 1] = 0, 255
    network = round_weights(load_model(trained / "run"), frames)
    folder = tmp_path_factory.mktemp("rounded")
    path = folder / "rounded.tflite"
    path.write_bytes(convert(network, "int8", frames, folder / "converter.log"))
    return network, path, Pool.of([load_frameset(trained / "held")]).gather(slice(None))


def test_the_converter_keeps_every_weight(rounded):
    network, path, _ = rounded
    interpreter = make_interpreter(path)
    stored = []
    for details in interpreter.get_tensor_details():
        scales = details["quantization_parameters"]["scales"]
        if details["dtype"] is np.int8 and len(details["shape"]) == 4 and len(scales) > 1:
            try:
                value = interpreter.get_tensor(details["index"]).astype(np.float64)
            except ValueError:
                continue  # a value that exists only while the network runs
            shape = [1] * 4
            shape[details["quantization_parameters"]["quantized_dimension"]] = -1
            stored.append(value * scales.reshape(shape))
    kernels = [
        np.asarray(layer.kernel) for layer in network.layers if "Conv2D" in type(layer).__name__
    ]
    assert len(stored) == len(kernels) == 9
    for kernel in kernels:
        # TFLite keeps outputs first, depthwise ones last; compare what does not depend on order.
        flat = np.sort(kernel.ravel())
        same = [
            s
            for s in stored
            if s.size == flat.size and np.allclose(np.sort(s.ravel()), flat, atol=1e-6)
        ]
        assert same


def test_the_simulation_answers_as_the_file_does(rounded):
    network, path, frames = rounded
    tf = load_tensorflow()
    logits = RoundedNetwork(network).logits(frames.astype(np.float32), rounded=True)
    simulated = np.asarray(tf.nn.softmax(logits))
    interpreter = make_interpreter(path)
    inputs, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero = outputs["quantization"]
    answers = []
    for frame in frames:
        interpreter.set_tensor(inputs["index"], frame[None])
        interpreter.invoke()
        answers.append((interpreter.get_tensor(outputs["index"])[0].astype(float) - zero) * scale)
    answers = np.stack(answers)
    assert (simulated.argmax(axis=1) == answers.argmax(axis=1)).mean() > 0.97
    assert np.abs(simulated - answers).mean() < 0.02
