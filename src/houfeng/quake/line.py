"""The seismic sentence as a table: what each stage takes, gives, and the question it answers.

The table is the composition (quake/hearing.py follows it), the source of the picture in the docs,
and a test holds the stages' type hints against it. A stage with a memory is a class whose doors are handle and
elapse: handle takes what arrives, elapse says that time has passed.
"""

from houfeng.words.stage import Stage

LINE = (
    Stage(
        "acquire",
        "houfeng.quake.acquire:Acquire",
        ("PacketBatch",),
        ("PacketBatch", "Late", "Gap", "Finding"),
        "What did the ground do, and what did we miss?",
    ),
    Stage(
        "detect",
        "houfeng.quake.detect.stage:Detect",
        ("PacketBatch",),
        ("Pick",),
        "Did a phase arrive here, when, how sure?",
    ),
    Stage(
        "associate",
        "houfeng.quake.associate.octo:Associate",
        ("Pick",),
        ("Cluster",),
        "Which arrivals are one rupture?",
    ),
    Stage(
        "warn",
        "houfeng.quake.warn.lookout:Lookout",
        ("PacketBatch",),
        ("Alert",),
        "Must people be warned, and how many stations would have to lie for it?",
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
        "houfeng.quake.size.network:size",
        ("Origin",),
        ("Magnitude", "Amplitude"),
        "How big, on which scale, from which stations?",
    ),
    Stage(
        "shake",
        "houfeng.quake.shake.station:station_shaking",
        ("Origin",),
        ("StationShaking",),
        "How hard did it shake at the stations?",
    ),
    Stage(
        "map",
        "houfeng.quake.shake.map:shaking_map",
        ("Origin", "StationShaking"),
        ("ShakingMap",),
        "How hard did it shake in between?",
    ),
)
