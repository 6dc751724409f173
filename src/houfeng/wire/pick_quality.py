"""How sure a published pick is, when its file gives a weight, a class or nothing instead of seconds."""

from typing import Literal

#: One standard deviation of analysts' quality classes 0 to 3, s; class 4 is "do not use" and gets the next step.
#: Source: Diehl, Kissling et al. 2009, doi:10.1111/j.1365-246X.2008.03985.x (classes of the Alpine P catalogue).
CLASS_UNCERTAINTY_S = (0.05, 0.1, 0.2, 0.4, 0.8)

#: S stands in the coda of P; readings scatter about twice as much.
#: Source: Husen & Hardebeck 2010, Earthquake location accuracy, doi:10.5078/corssa-55815573.
S_FACTOR = 2.0

#: Class assumed when nothing is said.
USUAL_CLASS = 1


def class_uncertainty_s(quality_class: int | None, phase: Literal["P", "S"]) -> float:
    """One standard deviation of a pick of an analyst's class, s.

    quality_class  0 (best) to 4 as in HYPO71 and its successors; None when nothing is said
    """
    worst = len(CLASS_UNCERTAINTY_S) - 1
    index = USUAL_CLASS if quality_class is None else min(max(quality_class, 0), worst)
    return CLASS_UNCERTAINTY_S[index] * (S_FACTOR if phase == "S" else 1.0)


def weight_uncertainty_s(weight: float, phase: Literal["P", "S"]) -> float:
    """One standard deviation of a pick that a location gave a weight of 0 to 1, s.

    HYPO71 and its successors turn classes 0, 1, 2, 3, 4 into weights 1, 3/4, 1/2, 1/4, 0; this goes back.
    """
    return class_uncertainty_s(round(4 * (1 - min(max(weight, 0.0), 1.0))), phase)
