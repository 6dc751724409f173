"""What the recorded networks tell, read and observed as `houfeng guard check` does it."""

from houfeng.guard.observe.observing import Observing
from houfeng.shell.guarding.reading import sights
from houfeng.words.finding import Finding
from houfeng.words.network import time_of


def recorded(*paths):
    """The observations in files, in order of time."""
    observing = Observing()
    told = [one for sight in sights(list(paths), lambda _: None) for one in observing.handle(sight)]
    told += observing.end()
    return ordered(one for one in told if not isinstance(one, Finding))


def ordered(observations):
    """Observations in order of time."""
    return sorted(observations, key=time_of)
