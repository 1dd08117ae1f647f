import numpy as np
import pytest

from export.parity.compare import compare, remedy

LABELS = np.array([0, 0, 1, 2])
KERAS = np.array([[0.8, 0.1, 0.1], [0.5, 0.4, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])


def test_equal_answers_lose_nothing():
    parity = compare(LABELS, KERAS, KERAS.astype(np.float32))
    assert (parity.agreement, parity.accuracy_lost_points) == (1.0, 0.0)
    assert parity.good


def test_a_changed_answer_is_counted():
    tflite = KERAS.copy()
    tflite[1] = (0.4, 0.5, 0.1)
    parity = compare(LABELS, KERAS, tflite)
    assert parity.agreement == 0.75
    assert parity.accuracy_lost_points == 25.0
    assert parity.largest_difference == pytest.approx(0.1)
    assert parity.mean_difference == pytest.approx(0.2 / 12)
    assert parity.changes == ((1, 1, 0), (0, 1, 0), (0, 0, 1))
    assert not parity.good
    assert set(parity.as_json()) >= {
        "agreement",
        "accuracy",
        "balanced_accuracy",
        "accuracy_lost_points",
    }


def test_the_remedy_depends_on_what_was_tried():
    parity = compare(LABELS, KERAS, KERAS[:, ::-1])
    assert "--frames" in remedy("int8", parity, 20)
    assert "int8x16" in remedy("int8", parity, 300)
