"""The guard on files: what is judged does not hang on how it was written down, and every finding can be said."""

import gzip
import json

import pytest

from houfeng.guard.conduct.document import read_conduct
from houfeng.guard.judge.rules import all_rules
from houfeng.serve.judgements import finding_id, reason_of, refuted_by, write_line
from houfeng.serve.judgements.wording import MOST_SHOWN, plain
from houfeng.shell.guarding.checking import check, learned_from, profile_of
from houfeng.words.errors import DataFault
from houfeng.words.instant import NS_PER_S, parse_instant
from houfeng.words.judgement import Judgement

FIELDS = (
    *("ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "duration", "orig_bytes", "resp_bytes"),
    *("conn_state", "history", "orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes"),
)
START_S = 1_700_000_000


def call(after_s, client, server, port, *, state="SF"):
    answered = state == "SF"
    sizes = (10, 1200, 8, 900) if answered else (1, 60, 0 if state == "S0" else 1, 0 if state == "S0" else 40)
    values = (START_S + after_s, "C1", client, 40000, server, port, "tcp", 0.5 if answered else 0.0,
              800 * answered, 500 * answered, state, "ShADadFf" if answered else "Sr", *sizes)  # fmt: skip
    return dict(zip(FIELDS, values, strict=True))


def scan():
    return [call(k * 0.01, "192.0.2.7", "10.0.0.2", 1000 + k, state="REJ") for k in range(40)]


def station_day(every_s=30):
    return [call(k * every_s, "10.0.0.2", "10.9.0.1", 8080) for k in range(40)]


def as_json(calls):
    return "".join(json.dumps(one) + "\n" for one in calls).encode()


def as_table(calls):
    head = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n"
    rows = "".join("\t".join(str(value) for value in one.values()) + "\n" for one in calls)
    return (head + "#fields\t" + "\t".join(FIELDS) + "\n" + rows).encode()


def found(*paths, conducts=()):
    told = []
    return list(check(list(paths), conducts, tell=told.append)), told


def put(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


def test_the_same_calls_are_judged_the_same_however_they_were_written_down(tmp_path):
    calls = scan()
    (first,), _ = found(put(tmp_path, "a.log", as_json(calls)))
    assert (first.detector, first.subject, first.peer) == ("port-scan", "192.0.2.7", "10.0.0.2")
    for name, data in (("b.log", as_table(calls)), ("c.gz", gzip.compress(as_json(calls[::-1])))):
        (again,), told = found(put(tmp_path, name, data))
        assert (again.detector, again.time_ns, again.facts, told) == (first.detector, first.time_ns, first.facts, [])


def test_two_files_are_heard_in_order_of_time(tmp_path):
    calls = scan()
    paths = put(tmp_path, "later.log", as_json(calls[20:])), put(tmp_path, "earlier.log", as_json(calls[:20]))
    (one,), _ = found(*paths)
    (whole,), _ = found(put(tmp_path, "whole.log", as_json(calls)))
    assert (one.time_ns, one.facts) == (whole.time_ns, whole.facts)


def test_a_broken_file_is_told_of_and_hides_no_other(tmp_path):
    good, bad = put(tmp_path, "good.log", as_json(scan())), put(tmp_path, "bad.pcap", b"nothing of the kind")
    (one,), (told,) = found(bad, good)
    assert one.detector == "port-scan"
    assert (told.kind, told.file) == ("refused", str(bad))
    with pytest.raises(DataFault):
        found(bad, put(tmp_path, "empty.log", b""))


def test_a_learned_station_is_quiet_and_its_new_peer_is_not(tmp_path):
    clean = put(tmp_path, "clean.log", as_json(station_day()))
    learned = learned_from([clean], name="XX.STA", tell=lambda _: None)
    assert learned.doubts == ()
    later = [dict(one, ts=one["ts"] + 86_400) for one in station_day()]
    assert found(put(tmp_path, "next.log", as_json(later)), conducts=[learned.conduct]) == ([], [])
    strange = dict(call(86_400 + 100, "10.0.0.2", "198.51.100.9", 443))
    (one,), _ = found(put(tmp_path, "strange.log", as_json([*later, strange])), conducts=[learned.conduct])
    assert (one.detector, one.subject, one.peer, one.station) == ("new-peer", "10.0.0.2", "198.51.100.9", "XX.STA")


def test_nothing_is_learned_from_a_day_with_a_scan_in_it(tmp_path):
    learned = learned_from([put(tmp_path, "a.log", as_json([*station_day(), *scan()]))], name="X", tell=lambda _: None)
    assert learned.conduct is None
    assert any("port-scan" in doubt for doubt in learned.doubts)


def test_what_is_no_profile_is_refused_with_the_reason(tmp_path):
    with pytest.raises(DataFault, match="profile"):
        profile_of(put(tmp_path, "x.toml", b"[[[["), lambda _: None)


def test_every_rule_has_words_for_its_facts_and_reasons_for_its_limits():
    for name, rule in all_rules().items():
        assert rule.reason["en"].isascii()
        assert not rule.reason["zh"].isascii()
        assert rule.refuted_by["en"]
        assert rule.refuted_by["zh"]
        assert all(len(why) > 10 for why in rule.why.values()), name
        filled = Judgement(name, 0, 0, "A", "B", "low", 0.5, tuple((fact, "1") for fact in rule.facts))
        assert "{" not in reason_of(filled) + reason_of(filled, "zh") + refuted_by(filled) + refuted_by(filled, "zh")


def test_every_finding_of_the_recorded_networks_can_be_said(houfeng_data):
    files = [
        *sorted((houfeng_data / "net_bruteforce_scan_a").glob("*.pcap")),
        *sorted((houfeng_data / "net_rat_a" / "remcos").glob("conn*")),
        *sorted((houfeng_data / "net_rat_a" / "simda").glob("*.log")),
        *sorted((houfeng_data / "net_benign_day_a").glob("conn*")),
        houfeng_data / "net_authlog_openssh_a" / "auth.log",
    ]
    for path in files:
        for judgement in found(path)[0]:
            line = json.loads(write_line(judgement, "zh"))
            assert line["reason"] == reason_of(judgement, "zh") != reason_of(judgement)
            assert line["id"] == finding_id(judgement)
            assert parse_instant(line["time"]) <= parse_instant(line["until"])


def test_the_clean_station_is_clean_by_every_way_to_ask(houfeng_data):
    folder = houfeng_data / "net_seedlink_benign"
    capture, profile = folder / "capture.pcap", profile_of(folder / "profile.csv", lambda _: None)
    assert found(capture)[0] == []
    assert found(capture, conducts=[profile])[0] == []
    assert found(capture, *sorted((folder / "server_log").glob("*.jsonl")))[0] == []


def test_text_from_outside_is_shown_bounded_and_inert():
    assert plain("a\x1b[31m\u202eb\n") == "a\\x1b[31m\\x202eb\\x0a"
    assert len(plain("x" * 10_000)) == MOST_SHOWN


def guard(houfeng, *words):
    return houfeng("guard", *map(str, words))


def test_a_finding_is_a_line_of_json_with_these_keys(tmp_path, houfeng):
    code, out, _ = guard(houfeng, "check", put(tmp_path, "a.log", as_json(scan())), "--json")
    (line,) = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert list(line)[:12] == ["time", "until", "detector", "subject", "peer", "station", "severity", "probability",
                               "technique", "reason", "evidence", "refuted_by"]  # fmt: skip
    assert line["time"].startswith("2023-11-14T22:13:20")
    assert line["evidence"][0]["eye"].endswith("a.log")


def test_learn_takes_every_file_up_to_the_next_option(tmp_path, houfeng):
    clean = put(tmp_path, "1.log", as_json(station_day())), put(tmp_path, "2.log", as_json(station_day(29)))
    strange = put(tmp_path, "3.log", as_json([call(9, "10.0.0.2", "198.51.100.9", 443)]))
    code, out, _ = guard(houfeng, "check", strange, "--learn", *clean, "--json")
    assert (code, json.loads(out)["detector"]) == (0, "new-peer")


def test_learn_writes_a_profile_that_is_read_back(tmp_path, houfeng):
    path = tmp_path / "conduct.toml"
    code, _, told = guard(houfeng, "learn", put(tmp_path, "1.log", as_json(station_day())), "--out", path)
    assert code == 0
    assert "10.0.0.2 to 10.9.0.1 tcp/8080" in told
    conduct, findings = read_conduct(path.read_bytes(), "conduct.toml")
    assert list(findings) == []
    assert [one.server for one in conduct.allowed] == [("10.9.0.1",)]
    code, _, told = guard(houfeng, "learn", put(tmp_path, "2.log", as_json([*station_day(), *scan()])))
    assert code == 3
    assert "nothing is learned" in told


def test_rank_orders_pairs_and_accuses_nobody(tmp_path, houfeng):
    code, out, _ = guard(houfeng, "rank", put(tmp_path, "a.log", as_json(station_day())), "--json")
    (line,) = [json.loads(line) for line in out.splitlines()]
    assert (code, line["rank"], line["client"], line["step_s"]) == (0, 1, "10.0.0.2", 30.0)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_explain_says_why_and_what_would_refute_it(tmp_path, houfeng, lang):
    code, out, _ = guard(houfeng, "explain", "port-scan", "--lang", lang)
    assert code == 0
    assert all_rules()["port-scan"].technique in out
    assert all(limit in out for limit in all_rules()["port-scan"].limits)
    _, line, _ = guard(houfeng, "check", put(tmp_path, "a.log", as_json(scan())), "--json", "--lang", lang)
    code, out, _ = guard(houfeng, "explain", line.strip())
    assert (code, "192.0.2.7" in out) == (0, True)
    assert guard(houfeng, "explain", "no-such-thing")[0] == 3


def test_calls_across_a_day_take_the_time_they_say(tmp_path):
    (one,), _ = found(put(tmp_path, "a.log", as_json(scan())))
    assert START_S * NS_PER_S <= one.time_ns <= (START_S + 1) * NS_PER_S


def test_the_wire_and_the_servers_logs_are_heard_in_one_order_of_time(houfeng_data):
    folder = houfeng_data / "net_seedlink_benign"
    profile = profile_of(folder / "profile.csv", lambda _: None)
    for logs in (["tx"], ["rx"], ["access", "rx", "tx"]):
        paths = [folder / "capture.pcap", *(folder / "server_log" / f"{name}.jsonl" for name in logs)]
        assert found(*paths, conducts=[profile])[0] == []


def test_a_log_that_hides_half_of_what_a_reader_got_is_found(tmp_path, houfeng_data):
    folder = houfeng_data / "net_seedlink_benign"
    lines = (folder / "server_log" / "tx.jsonl").read_text().splitlines()
    for at, line in enumerate(lines):
        told = json.loads(line)
        for stream in told["streams"]:
            stream["packets"], stream["bytes"] = stream["packets"] // 2, stream["bytes"] // 2
        lines[at] = json.dumps(told, separators=(",", ":"))
    log = put(tmp_path, "tx.jsonl", "\n".join(lines).encode())
    assert {one.detector for one in found(folder / "capture.pcap", log)[0]} == {"server-log-disagrees"}
