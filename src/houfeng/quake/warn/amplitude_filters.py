"""The filters of amplitude_kernel.py: samples of velocity or acceleration in, largest ground motion out.

One recursion 1 / (s^2 + sqrt(2) w s + w^2), a Butterworth high-pass without its numerator, gives two quantities at
once: with the numerator s^2 what the sensor feels, high-passed, with s its integral, high-passed.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Wholes = NDArray[np.int64]

#: What a plan for a sampling rate holds. Denominators of the high-pass and low-pass, factors of (1 - z^-1)^2, which
#: makes of the recursion the high-passed input, and of (1 - z^-2), which makes its integral; gain of the low-pass.
A1, A2, HIGH, INTEGRAL, L1, L2, LOW, PLAN_REALS = range(8)

#: A channel's state, real: last two of the recursions (first integration, second, low-pass), last velocity, sum of the
#: samples of which the rest is the mean, rest, last good sample, SI units per count, noise levels of displacement
#: and acceleration.
W1, W2, U1, U2, Q1, Q2, V1, SUM, REST, LAST, SCALE, NOISE, NOISE_PUSH, CHANNEL_REALS = range(14)

#: Smaller state is dropped, lest silence decay into slow denormal numbers.
LEAST = 1e-150


@njit(cache=True)
def _or_zero(value: float) -> float:
    return value if abs(value) > LEAST else 0.0


@njit(cache=True)
def level_velocity(
    x: Reals, first: int, last: int, rest: float, rate: float, c: Reals, f: Reals
) -> tuple[float, float]:
    """Acceleration and velocity, their largest, of samples of velocity."""
    a1, a2, high = c[A1], c[A2], c[HIGH]
    w1, w2, v1 = f[W1], f[W2], f[V1]
    most_v, most_a = 0.0, 0.0
    for k in range(first, last):
        w = ((x[k] - rest) - a2 * w2) - a1 * w1
        v = high * ((w - w1) - (w1 - w2))
        most_v = max(most_v, abs(v))
        most_a = max(most_a, abs(v - v1))
        w2, w1, v1 = w1, w, v
    f[W1], f[W2], f[V1] = _or_zero(w1), _or_zero(w2), v1
    return most_a * rate, most_v


@njit(cache=True)
def upright_velocity(
    x: Reals, first: int, last: int, rest: float, rate: float, c: Reals, f: Reals
) -> tuple[float, float, float]:
    """Acceleration, velocity and displacement, their largest, of samples of velocity."""
    a1, a2, high, integral = c[A1], c[A2], c[HIGH], c[INTEGRAL]
    l1, l2 = c[L1], c[L2]
    w1, w2, v1, q1, q2 = f[W1], f[W2], f[V1], f[Q1], f[Q2]
    most_v, most_a, most_d = 0.0, 0.0, 0.0
    for k in range(first, last):
        w = ((x[k] - rest) - a2 * w2) - a1 * w1
        v = high * ((w - w1) - (w1 - w2))
        q = (integral * (w - w2) - l2 * q2) - l1 * q1
        most_v = max(most_v, abs(v))
        most_a = max(most_a, abs(v - v1))
        most_d = max(most_d, abs(q + 2.0 * q1 + q2))
        w2, w1, v1, q2, q1 = w1, w, v, q1, q
    f[W1], f[W2], f[V1], f[Q1], f[Q2] = _or_zero(w1), _or_zero(w2), v1, _or_zero(q1), _or_zero(q2)
    return most_a * rate, most_v, most_d * c[LOW]


@njit(cache=True)
def level_acceleration(x: Reals, first: int, last: int, rest: float, c: Reals, f: Reals) -> tuple[float, float]:
    """Acceleration and velocity, their largest, of samples of acceleration."""
    a1, a2 = c[A1], c[A2]
    w1, w2 = f[W1], f[W2]
    most_v, most_a = 0.0, 0.0
    for k in range(first, last):
        w = ((x[k] - rest) - a2 * w2) - a1 * w1
        most_a = max(most_a, abs((w - w1) - (w1 - w2)))
        most_v = max(most_v, abs(w - w2))
        w2, w1 = w1, w
    f[W1], f[W2] = _or_zero(w1), _or_zero(w2)
    return most_a * c[HIGH], most_v * c[INTEGRAL]


@njit(cache=True)
def upright_acceleration(
    x: Reals, first: int, last: int, rest: float, c: Reals, f: Reals
) -> tuple[float, float, float]:
    """Acceleration, velocity and displacement, their largest, of samples of acceleration."""
    a1, a2, integral = c[A1], c[A2], c[INTEGRAL]
    l1, l2 = c[L1], c[L2]
    w1, w2, u1, u2, q1, q2 = f[W1], f[W2], f[U1], f[U2], f[Q1], f[Q2]
    most_v, most_a, most_d = 0.0, 0.0, 0.0
    for k in range(first, last):
        w = ((x[k] - rest) - a2 * w2) - a1 * w1
        v = integral * (w - w2)
        u = (v - a2 * u2) - a1 * u1
        q = (integral * (u - u2) - l2 * q2) - l1 * q1
        most_a = max(most_a, abs((w - w1) - (w1 - w2)))
        most_v = max(most_v, abs(v))
        most_d = max(most_d, abs(q + 2.0 * q1 + q2))
        w2, w1, u2, u1, q2, q1 = w1, w, u1, u, q1, q
    f[W1], f[W2], f[U1], f[U2] = _or_zero(w1), _or_zero(w2), _or_zero(u1), _or_zero(u2)
    f[Q1], f[Q2] = _or_zero(q1), _or_zero(q2)
    return most_a * c[HIGH], most_v, most_d * c[LOW]
