import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.report.metrics import calibration_error, confusion_text, score


def test_a_worked_example():
    labels = np.array([0, 0, 0, 0, 1, 2])
    answers = np.eye(3)[[0, 0, 0, 1, 1, 0]]
    result = score(labels, answers)
    assert result.accuracy == pytest.approx(4 / 6)
    assert result.balanced_accuracy == pytest.approx((3 / 4 + 1 + 0) / 3)
    assert result.confusion == ((3, 1, 0), (0, 1, 0), (1, 0, 0))
    assert "forward" in confusion_text(result)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60))
def test_agrees_with_scikit_learn(pairs):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    labels, answers = np.array(pairs).T
    result = score(labels, np.eye(3)[answers])
    assert result.accuracy == pytest.approx(metrics.accuracy_score(labels, answers))
    recall = metrics.recall_score(labels, answers, average=None, labels=np.unique(labels))
    assert result.balanced_accuracy == pytest.approx(recall.mean())
    expected = metrics.confusion_matrix(labels, answers, labels=[0, 1, 2])
    np.testing.assert_array_equal(np.array(result.confusion), expected)


def test_calibration_error_is_the_gap_between_certainty_and_being_right():
    probabilities = np.array([[0.8, 0.1, 0.1]] * 10)
    labels = np.array([0] * 8 + [1] * 2)
    assert calibration_error(labels, probabilities) == pytest.approx(0.0)
    assert calibration_error(np.zeros(10, int), probabilities) == pytest.approx(0.2)
    mixed = np.vstack([probabilities, [[0.1, 0.5, 0.4]] * 10])
    both = np.concatenate([labels, np.ones(10, int)])
    assert calibration_error(both, mixed) == pytest.approx(0.25)
