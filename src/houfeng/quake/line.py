"""The seismic sentence as a table: what each stage takes, gives, and the question it answers.

The table is the composition (quake/hearing.py follows it), the source of the picture in the docs,
and a test holds the stages' type hints against it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """One verb: module:name of what does it, the words it takes and gives, and its question."""

    verb: str
    door: str
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    question: str


LINE = (
    Stage(
        "acquire",
        "houfeng.quake.acquire:Acquire.handle",
        ("PacketBatch",),
        ("Acquired",),
        "What did the ground do, and what did we miss?",
    ),
    Stage(
        "detect",
        "houfeng.quake.detect.stage:Detect.handle",
        ("PacketBatch",),
        ("Pick",),
        "Did a phase arrive here, when, how sure?",
    ),
    Stage(
        "associate",
        "houfeng.quake.associate.octo:Associate.elapse",
        ("int",),
        ("Cluster",),
        "Which arrivals are one rupture?",
    ),
    Stage(
        "locate",
        "houfeng.quake.locate.locator:Locator.locate",
        ("Pick", "Cluster"),
        ("Origin",),
        "Where and when, how sure?",
    ),
    Stage(
        "size",
        "houfeng.quake.size:size",
        ("Origin",),
        ("Sized",),
        "How big, on which scale, from which stations?",
    ),
)
