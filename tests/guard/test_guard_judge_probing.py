"""Strangers at the door: one finding a host and day."""

from sights import DAWN_NS, flow, heard, kinds, said

from houfeng.guard.judge.probing import Probing

HOST = "10.0.0.2"
HOUR_NS = 3600 * 10**9


def probes(count, step_s=60.0, host=HOST, outcome="unanswered", **more):
    return [flow(n * step_s, f"8.8.{n >> 8}.{n & 255}", host, 23 + n % 5, outcome, **more) for n in range(count)]


def test_a_day_of_strangers_is_one_finding_that_accuses_nobody():
    judge = Probing()
    assert heard(judge, probes(1000)) == []
    assert judge.elapse(DAWN_NS + 20 * HOUR_NS) == []
    found = judge.elapse(DAWN_NS + 25 * HOUR_NS)
    assert kinds(found) == [("probed-from-outside", "outside", HOST)]
    assert dict(found[0].facts) == {
        "count": "1000", "tries": "1000", "ports": "5", "most": "tcp 23, tcp 24, tcp 25, tcp 26, tcp 27",
    }  # fmt: skip
    assert found[0].severity == "info"
    assert "1000 addresses outside tried 10.0.0.2" in said(found[0])[0]
    assert judge.elapse(DAWN_NS + 99 * HOUR_NS) == []


def test_three_days_are_three_findings_also_without_a_clock():
    judge = Probing()
    found = heard(judge, probes(3 * 1440)) + judge.elapse(9_190_000_000_000_000_000)
    assert [one.detector for one in found] == ["probed-from-outside"] * 3


def test_few_strangers_callers_from_inside_and_served_strangers_are_nothing():
    judge = Probing()
    inside = [flow(n, f"10.0.1.{n}", HOST, 23, "unanswered") for n in range(200)]
    heard(judge, [*probes(19, host="10.0.0.3"), *inside, *probes(300, host="10.0.0.4", outcome="answered")])
    assert judge.elapse(9_190_000_000_000_000_000) == []
