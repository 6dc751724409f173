"""From the stages of an instrument response to poles, zeros and one sensitivity."""

import math
import re
from typing import Any

import numpy as np
from obspy.core.inventory.response import (
    CoefficientsTypeResponseStage,
    PolesZerosResponseStage,
    PolynomialResponseStage,
    ResponseListResponseStage,
)

from houfeng.words.station import Response

STANDARD_GRAVITY_MPS2 = 9.80665  # CGPM 1901, resolution 2

_PREFIX_M = {"": 1.0, "C": 1e-2, "M": 1e-3, "U": 1e-6, "N": 1e-9, "P": 1e-12}
_UNIT = re.compile(
    r"(?P<prefix>[CMUNP]?)M(?:ET(?:ER|RE)S?)?"
    r"(?P<time>/S(?:EC(?:OND)?)?(?:2|/S(?:EC(?:OND)?)?)?|/\(?S(?:EC)?2\)?)?"
)


def motion_units(text: str | None) -> tuple[str, float] | None:
    """Read the name of a unit of ground motion.

    text  as in StationXML or SEED, any case: "M/S", "m/s**2", "M/(S**2)", "nm/s", "M/S/S", "GAL", "g" ...

    Returns the SI unit ("m", "m/s" or "m/s2") and how many of it one such unit is; None for anything else.
    "G" is taken as standard gravity, as accelerometer data sheets do.
    """
    squeezed = re.sub(r"[\s*^]", "", (text or "").split(" - ")[0].upper()).replace("(S2)", "S2")
    if squeezed == "G":
        return "m/s2", STANDARD_GRAVITY_MPS2
    if squeezed == "GAL":
        return "m/s2", 1e-2
    match = _UNIT.fullmatch(squeezed)
    if match is None:
        return None
    time = match["time"] or ""
    unit = "m" if not time else "m/s2" if "2" in time or time.count("/") == 2 else "m/s"
    return unit, _PREFIX_M[match["prefix"]]


def response_from_obspy(response: Any) -> tuple[Response | None, str]:
    """Combine the stages of an ObsPy response into one transfer function.

    response  obspy.core.inventory.response.Response, or None

    Returns the response and "", or None and the reason in plain words ("" when there was nothing to read).
    Analogue poles and zeros are gathered, digital stages taken as flat, hertz turned into rad/s, units into SI.
    The sensitivity is the stated one, failing that the product of the stage gains.
    """
    if response is None or not (response.response_stages or _stated(response)):
        return None, ""
    polynomial = response.instrument_polynomial
    if polynomial is not None and any(isinstance(s, PolynomialResponseStage) for s in response.response_stages or ()):
        return _from_polynomial(polynomial)
    stages = sorted(response.response_stages or (), key=lambda stage: stage.stage_sequence_number or 0)
    refusal = next(filter(None, map(_refusal, stages)), "")
    if refusal:
        return None, refusal
    analogue = [_poles_zeros(stage) for stage in stages if _is_analogue(stage)]
    zeros = tuple(zero for stage_zeros, _ in analogue for zero in stage_zeros)
    poles = tuple(pole for _, stage_poles in analogue for pole in stage_poles)
    sensitivity = response.instrument_sensitivity
    units = motion_units(sensitivity.input_units if sensitivity is not None else None)
    stage_units = motion_units(stages[0].input_units if stages else None)
    if units is None and stage_units is None:
        name = (sensitivity.input_units if sensitivity is not None else None) or "nothing known"
        return None, f"it measures {name}, not ground motion"
    if _usable(sensitivity, zeros, poles) and units is not None and units[0] == (stage_units or units)[0]:
        value, frequency_hz = float(sensitivity.value), float(sensitivity.frequency or 0.0)
    else:
        units = stage_units or units
        overall = _product_of_gains(stages)
        if overall is None:
            return None, "it states no sensitivity that can be used, nor the gain of every stage"
        value, frequency_hz = overall
    assert units is not None
    return Response(units[0], value / units[1], frequency_hz, zeros, poles), ""


def _stated(response: Any) -> bool:
    return response.instrument_sensitivity is not None or response.instrument_polynomial is not None


def _usable(sensitivity: Any, zeros: tuple[complex, ...], poles: tuple[complex, ...]) -> bool:
    """Whether a stated sensitivity is a number, and given where the sensor hears anything."""
    if sensitivity is None or not sensitivity.value or not np.isfinite(sensitivity.value):
        return False
    return bool(_magnitude(zeros, poles, float(sensitivity.frequency or 0.0)) > 0)


def _magnitude(zeros: tuple[complex, ...], poles: tuple[complex, ...], frequency_hz: float) -> float:
    s = 2j * np.pi * frequency_hz
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.prod(s - np.array(zeros, complex)) / np.prod(s - np.array(poles, complex))
    return float(abs(value)) if np.isfinite(value) else 0.0


def _refusal(stage: Any) -> str:
    """Why a stage cannot be expressed as poles and zeros, "" when it can."""
    said = f"stage {stage.stage_sequence_number}"
    if isinstance(stage, ResponseListResponseStage):
        return f"{said} is a list of measured values, not poles and zeros"
    if isinstance(stage, PolynomialResponseStage):
        return f"{said} is a polynomial"
    analogue = isinstance(stage, CoefficientsTypeResponseStage) and "ANALOG" in (stage.cf_transfer_function_type or "")
    if analogue and (len(stage.numerator or ()) > 1 or stage.denominator):
        return f"{said} is an analogue filter given by coefficients"
    return ""


def _is_analogue(stage: Any) -> bool:
    return isinstance(stage, PolesZerosResponseStage) and "LAPLACE" in stage.pz_transfer_function_type


def _poles_zeros(stage: Any) -> tuple[tuple[complex, ...], tuple[complex, ...]]:
    """Zeros and poles of an analogue stage in rad/s."""
    scale = 2 * np.pi if "HERTZ" in stage.pz_transfer_function_type else 1.0
    return tuple(complex(z) * scale for z in stage.zeros), tuple(complex(p) * scale for p in stage.poles)


def _product_of_gains(stages: list[Any]) -> tuple[float, float] | None:
    """Overall gain at the frequency at which the first sensor stage states its own, counts per unit and Hz."""
    gains = [float(stage.stage_gain or 0.0) for stage in stages]
    if not gains or not all(gain and np.isfinite(gain) for gain in gains):
        return None
    shaped = [(_poles_zeros(s), float(s.stage_gain_frequency or 0.0)) for s in stages if _is_analogue(s)]
    frequency_hz = next((frequency for paz, frequency in shaped if _magnitude(*paz, frequency) > 0), 1.0)
    value = math.prod(gains)
    for paz, own_frequency in shaped:
        own = _magnitude(*paz, own_frequency)
        if own == 0:
            return None
        value *= _magnitude(*paz, frequency_hz) / own
    return (value, frequency_hz) if value else None


def _from_polynomial(polynomial: Any) -> tuple[Response | None, str]:
    """A straight line through the origin or beside it is a flat gain; anything more bent is refused."""
    units = motion_units(polynomial.input_units)
    coefficients = [float(c) for c in polynomial.coefficients or ()]
    if units is None:
        return None, f"it measures {polynomial.input_units}, not ground motion"
    if len(coefficients) < 2 or coefficients[1] == 0 or any(coefficients[2:]):
        return None, "it is a polynomial that is not a straight line"
    # The polynomial gives units per count; its constant is an offset that band-passed records do not have.
    return Response(units[0], 1.0 / coefficients[1] / units[1], 0.0), ""
