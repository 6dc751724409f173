"""Python's search for cycles of dead objects, kept out of the way of warnings."""

import gc

#: Objects made, less objects gone, after which the youngest are searched; and how many such searches make a wider one.
YOUNG, WIDER, WIDEST = 50_000, 20, 100


def collect_rarely() -> None:
    """Never search what is there now, and the rest rarely: to be called once all stations are known.

    What a centre keeps of 15,900 stations lives as long as it does. Searching all of that in vain would stop it for
    a quarter of a second at a time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, WIDER, WIDEST)
