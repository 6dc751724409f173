"""picks.csv in the making: every onset once, with the quake that claims it."""

import dataclasses

from made_quake import a_quake

from houfeng.shell.replay.pick_spool import PickSpool
from houfeng.wire.phases import write_picks_csv
from houfeng.words.quake import Pick
from houfeng.words.source import SourceId

SOURCE = SourceId("XX", "S1", "", "HHZ")
EARLY, LATE = Pick(SOURCE, "P", 10, 0.05), Pick(SOURCE, "P", 30, 0.05)


def written(*told):
    spool = PickSpool()
    for value in told:
        spool.add(value) if isinstance(value, Pick) else spool.claim(value)
    content = b"".join(spool.content())
    spool.close()
    return content


def claiming(*picks, quake_id="q1"):
    (arrival,) = a_quake().origin.arrivals
    return a_quake(quake_id, arrivals=tuple(dataclasses.replace(arrival, pick=pick) for pick in picks))


def test_picks_are_put_in_order():
    assert written(LATE, EARLY, LATE) == write_picks_csv([(EARLY, ""), (LATE, "")])


def test_a_claimed_pick_names_its_quake():
    assert written(EARLY, LATE, claiming(LATE)) == write_picks_csv([(EARLY, ""), (LATE, "q1")])


def test_an_onset_claimed_under_the_other_name_is_told_once():
    renamed = dataclasses.replace(LATE, phase="S")
    expected = write_picks_csv([(EARLY, ""), (renamed, "q1")])
    assert written(EARLY, LATE, claiming(renamed)) == expected
    assert written(EARLY, claiming(renamed), LATE) == expected


def test_a_pick_only_the_quake_knows_is_told_too():
    assert written(EARLY, claiming(LATE)) == write_picks_csv([(EARLY, ""), (LATE, "q1")])
