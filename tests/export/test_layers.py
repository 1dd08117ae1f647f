import numpy as np
import pytest

from export.bench.references import DONKEY_SHAPE, donkey_sized, write_reference
from export.convert.operators import dissect, float_islands
from export.parity.layers import snr_db


def test_signal_to_noise_in_decibels():
    signal = np.array([3.0, 4.0])
    assert snr_db(signal, signal + np.array([0.0, 0.5])) == pytest.approx(20.0)
    assert snr_db(signal, signal) == 200.0


def test_the_donkeycar_sized_network_is_as_published(tmp_path):
    model = donkey_sized()
    assert model.input_shape == (None, *DONKEY_SHAPE, 3)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds.count("Conv2D") == 5
    assert kinds.count("Dense") == 3
    path = write_reference(model, "donkey", tmp_path)
    assert float_islands(dissect(path.read_bytes())) == ()
