"""The security sentence as a table, as far as it is spoken: what each stage takes, gives, and the question it answers.

A test holds the stages' type hints against it; shell/guarding/checking.py follows it for recordings.
"""

from houfeng.words.stage import Stage

LINE = (
    Stage(
        "vouch",
        "houfeng.guard.vouch.stage:Vouch",
        ("Packet", "Enrolment"),
        ("Vouched", "Finding"),
        "Is this record what the station measured?",
    ),
    Stage(
        "observe",
        "houfeng.guard.observe.observing:Observing",
        ("FrameBatch",),
        ("Flow", "Binding", "Asked", "Lookup", "Login", "Subscription", "Notice", "Finding"),
        "What happened?",
    ),
    Stage(
        "learn",
        "houfeng.guard.conduct.learn:learn",
        ("Flow", "Binding", "Asked", "Subscription"),
        ("Conduct",),
        "What does this station do on a clean day?",
    ),
    Stage(
        "judge",
        "houfeng.guard.judge.judging:Judging",
        ("Flow", "Binding", "Asked", "Lookup", "Login", "Subscription", "Notice"),
        ("Judgement",),
        "What does it mean, how sure, for which station?",
    ),
    Stage(
        "correlate",
        "houfeng.guard.judge.cases:Cases",
        ("Judgement",),
        ("Case",),
        "Which findings are one incident?",
    ),
    Stage(
        "trust",
        "houfeng.guard.judge.trust:Trusting",
        ("Judgement",),
        ("Trust",),
        "How far is this station to be believed now?",
    ),
)
