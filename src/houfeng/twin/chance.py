"""Chance from one seed, a stream of its own for every purpose, station and quake.

So what is made of one station does not depend on which others are made, in what order, or how many at a time.
"""

from enum import IntEnum

import numpy as np
from numpy.random import Generator, SeedSequence


class Purpose(IntEnum):
    """What a stream of chance is for."""

    LAYOUT = 1
    SITE = 2
    NOISE = 3
    TRANSIENTS = 4
    CATALOGUE = 5
    RUPTURE = 6
    MOTION = 7
    TRANSPORT = 8
    FAULTS = 9


def chance(seed: int, purpose: Purpose, *key: int) -> Generator:
    """A generator that is the same for the same seed, purpose and key, and unrelated to that of any other.

    seed  of the scenario, >= 0
    key   numbers of station, quake, block ..., each >= 0
    """
    return np.random.default_rng(SeedSequence(seed, spawn_key=(int(purpose), *key)))
