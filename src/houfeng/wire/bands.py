"""Channel codes for instruments that come without: band and orientation letters of the FDSN."""

#: Lowest sampling rate of a band, Hz, and its letter for instruments that reach below 0.1 Hz, as accelerometers do.
#: Source: FDSN source identifiers, band codes.
_BANDS = ((5000, "J"), (1000, "F"), (250, "C"), (80, "H"), (10, "B"), (1, "M"))

#: An axis this near to north or east is called N or E (SEED 2.4, appendix A).
_ALIGNED_DEG = 5.0


def accelerometer_code(rate_hz: float, component: str) -> str:
    """Channel code of an accelerometer: "HNZ" for 100 Hz and "Z".

    rate_hz    sampling rate, Hz, > 0
    component  orientation letter or number
    """
    band = next((letter for lowest, letter in _BANDS if rate_hz >= lowest), "L")
    return f"{band}N{component}"


def horizontal_letter(azimuth_deg: float, number: int) -> str:
    """Orientation of a horizontal axis: N or E if it points there within 5 degrees, otherwise its number.

    azimuth_deg  clockwise from north, any
    number       1 or 2, to call it by otherwise
    """
    for letter, axis_deg in (("N", 0.0), ("E", 90.0)):
        if abs((azimuth_deg - axis_deg + 180.0) % 360.0 - 180.0) <= _ALIGNED_DEG:
            return letter
    return str(number)
