import numpy as np
import pytest
from scipy.signal import savgol_filter

from simscale_gym.metrics.smoothing import smooth, smoothing_filter


@pytest.mark.parametrize(
    ("window", "order", "derivative"), [(8, 2, 0), (15, 2, 1), (5, 2, 1), (5, 3, 2), (5, 2, 2)]
)
@pytest.mark.parametrize("samples", [5, 8, 14, 15, 36, 41, 55, 200])
def test_equal_to_scipy(samples, window, order, derivative):
    values = np.random.default_rng(samples).normal(size=samples)
    out = np.empty(samples)
    smooth(values, smoothing_filter(samples, window, order, derivative, 0.1), out)
    expected = savgol_filter(values, min(window, samples), order, deriv=derivative, delta=0.1)
    np.testing.assert_allclose(out, np.round(expected, 8), atol=1.1e-8)


def test_an_even_window_shifts_by_half_a_sample():
    values = np.arange(20.0)
    out = np.empty(20)
    smooth(values, smoothing_filter(20, 8, 2), out)
    np.testing.assert_allclose(np.abs(out[6:-6] - values[6:-6]), 0.5)
