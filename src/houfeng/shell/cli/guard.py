"""The commands that guard: judge what eyes saw and hosts say, learn what is normal, say what a finding means."""

import ipaddress
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer.core import TyperCommand

from houfeng.words.errors import DataFault, WorldFault

if TYPE_CHECKING:
    from houfeng.shell.settings.values import Address
    from houfeng.words.conduct import Conduct
    from houfeng.words.finding import Finding
    from houfeng.words.judgement import Judgement

guard = typer.Typer(name="guard", help="See the intruder: on the wire, in logs, on the host.", no_args_is_help=True)
out = Console()
err = Console(stderr=True)

_COLOURS = {"info": "dim", "low": "cyan", "medium": "yellow", "high": "red"}


class SeveralFiles(TyperCommand):
    """A command whose --learn or --eyes takes every file up to the next option, as people write it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each of its files."""
        spread: list[str] = []
        inside = ""
        for word in args:
            if word.startswith("-") and word != "-":
                inside = word if word in {"--learn", "--eyes"} else ""
                spread += [] if inside else [word]
            else:
                spread += [inside, word] if inside else [word]
        return super().parse_args(ctx, spread)


EyeFiles = Annotated[
    list[Path], typer.Argument(help="Captures, flow exports, logs of sensors and servers.", metavar="FILES...")
]
Profiles = Annotated[
    list[Path] | None, typer.Option("--profile", help="A conduct profile. May be repeated.", metavar="FILE")
]
LearnFrom = Annotated[
    list[Path] | None, typer.Option("--learn", help="Learn the profile from these clean files.", metavar="FILES...")
]
AsJson = Annotated[bool, typer.Option("--json", help="A line of JSON for each finding.")]
Lang = Annotated[str, typer.Option("--lang", help="Language of what is said: en or zh.")]
Key = Annotated[
    list[str] | None,
    typer.Option("--key", help="The baseline must be signed by this key. May be repeated.", metavar="ed25519:..."),
]
Name = Annotated[str, typer.Option("--name", help="What the profile is called: NET.STA, or a site's name.")]


@guard.command(cls=SeveralFiles)
def check(
    files: EyeFiles,
    profile: Profiles = None,
    learn: LearnFrom = None,
    as_json: AsJson = False,
    lang: Lang = "en",
) -> None:
    """Judge recordings: who did what to whom, how sure that is, and what would refute it."""
    from houfeng.serve.judgements import write_line
    from houfeng.shell.guarding.checking import check as judged

    language = _language(lang)
    conducts = _conducts(profile or (), learn or ())
    found: list[Judgement] = []
    for judgement in judged(files, conducts, tell=_tell):
        found.append(judgement)
        if as_json:
            sys.stdout.buffer.write(write_line(judgement, language))
            sys.stdout.buffer.flush()
    if not as_json:
        _print(found, language)


@guard.command()
def watch(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files and folders of eyes, followed.", metavar="[PATHS]...")
    ] = None,
    interface: Annotated[
        list[str] | None, typer.Option("--interface", help="A live interface. May be repeated.", metavar="NAME")
    ] = None,
    promiscuous: Annotated[
        bool, typer.Option("--promiscuous", help="See what is not for this machine too, as behind a mirror port.")
    ] = False,
    netflow: Annotated[
        list[str] | None,
        typer.Option("--netflow", help="Collect NetFlow and IPFIX here. May be repeated.", metavar="HOST:PORT"),
    ] = None,
    profile: Profiles = None,
    domains: Annotated[
        Path | None, typer.Option("--domains", help="What stations can lie together with.", metavar="CSV")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--out", help="Add every line to this file too, durably.", metavar="FILE")
    ] = None,
    history: Annotated[
        Path | None, typer.Option("--history", help="Keep conversations in this folder.", metavar="DIR")
    ] = None,
    keep_days: Annotated[int, typer.Option("--keep-days", min=1, max=36_500, help="Days of history kept.")] = 90,
    lang: Lang = "en",
) -> None:
    """Judge live: files as they grow and rotate, interfaces, flow exporters. Ctrl-C or SIGTERM ends it."""
    import asyncio

    from houfeng.shell.guarding.history import FlowHistory
    from houfeng.shell.guarding.telling import Telling
    from houfeng.shell.guarding.watching import Eyes, Watching

    language = _language(lang)
    eyes = Eyes(paths or (), interface or (), [_listen(text) for text in netflow or ()], promiscuous)
    if not (eyes.paths or eyes.interfaces or eyes.collectors):
        raise typer.BadParameter("give files, folders, --interface or --netflow: nothing is watched")
    conducts = _conducts(profile or (), ())
    together = {} if domains is None else _domains(domains)
    kept = None if history is None else FlowHistory(history, keep_days)
    telling = Telling(to, sys.stdout.fileno())
    watching = Watching(eyes, conducts, domains=together, telling=telling, history=kept, language=language)
    asyncio.run(watching.run())


@guard.command("history")
def history_of(
    folder: Annotated[Path, typer.Argument(help="Folder of a history.", metavar="DIR")],
    since: Annotated[str | None, typer.Option("--since", help="Went on after, UTC.", metavar="TIME")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Went on before, UTC.", metavar="TIME")] = None,
    address: Annotated[str | None, typer.Option("--address", help="Of this client or server.", metavar="A")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each conversation.")] = False,
) -> None:
    """List conversations that were kept, in order of their start."""
    from houfeng.serve.judgements.wording import plain
    from houfeng.shell.guarding.history import recalled
    from houfeng.words.instant import format_instant

    since_ns, until_ns = _instant(since, "--since"), _instant(until, "--until")
    if address is not None:
        address = _address(address)
    table = Table(box=None, padding=(0, 1, 0, 0))
    for heading in ("start", "s", "client", "server", "protocol", "outcome", "bytes out", "bytes back"):
        table.add_column(heading)
    for flow in recalled(folder, since_ns=since_ns, until_ns=until_ns, address=address):
        if as_json:
            sys.stdout.write(json.dumps(flow) + "\n")
            continue
        lasted = f"{(flow['end_ns'] - flow['start_ns']) / 1e9:.1f}"
        server = f"{plain(flow['server'])} {flow['server_port']}"
        sizes = str(flow["client_bytes"]), str(flow["server_bytes"])
        row = format_instant(flow["start_ns"], 0), lasted, plain(flow["client"]), server, plain(flow["protocol"])
        table.add_row(*map(escape, (*row, flow["outcome"], *sizes)))
    if not as_json:
        out.print(table)


@guard.command()
def learn(
    files: EyeFiles,
    to: Annotated[Path | None, typer.Option("--out", help="Write the profile here.", metavar="FILE")] = None,
    name: Name = "site",
) -> None:
    """Learn a conduct profile from clean days, and list what it would trust. Days that look wrong are refused."""
    from houfeng.guard.conduct.document import write_conduct
    from houfeng.shell.guarding.checking import learned_from

    learned = learned_from(files, name=name, tell=_tell)
    for line in learned.trusts:
        err.print(f"  {escape(line)}", soft_wrap=True)
    if learned.conduct is None:
        raise DataFault(name, "nothing is learned: " + "; ".join(learned.doubts), "look into it, or give other days")
    text = write_conduct(learned.conduct)
    if to is None:
        sys.stdout.buffer.write(text)
    else:
        to.write_bytes(text)
        err.print(f"{escape(str(to))}: read it and sign it off before it is used", soft_wrap=True)


@guard.command()
def rank(files: EyeFiles, as_json: AsJson = False) -> None:
    """Order pairs of hosts by how even their conversation is. A ranking, no accusation: a healthy station is even."""
    from houfeng.guard.judge.periodicity import rank as ranked
    from houfeng.serve.judgements.wording import plain
    from houfeng.shell.guarding.checking import check as judged
    from houfeng.words.network import Flow, Observation

    flows: list[Flow] = []

    def keep(seen: Observation) -> None:
        if isinstance(seen, Flow) and not seen.ongoing:
            flows.append(seen)

    for _ in judged(files, tell=_tell, observed=keep):
        pass
    table = Table(box=None, padding=(0, 1, 0, 0))
    for heading in ("score", "client", "server", "port", "calls", "step s"):
        table.add_column(heading)
    for place, rhythm in enumerate(ranked(flows), 1):
        client, network, port, protocol = rhythm.pair
        if as_json:
            told: dict[str, Any] = {"rank": place, "score": round(rhythm.score, 4), "client": plain(client)}
            told |= {"network": plain(network), "servers": [plain(one) for one in rhythm.servers], "port": port}
            told |= {"protocol": protocol, "calls": rhythm.calls, "step_s": round(rhythm.step_s, 3)}
            sys.stdout.write(json.dumps(told) + "\n")
        else:
            step = f"{rhythm.step_s:.1f}"
            row = (f"{rhythm.score:.3f}", plain(client), plain(network), f"{protocol} {port}", str(rhythm.calls), step)
            table.add_row(*map(escape, row))
    if not as_json:
        out.print(table)


@guard.command()
def waves(
    recordings: Annotated[list[str], typer.Argument(help="Waveforms: files, folders, globs.", metavar="WAVEFORMS...")],
    as_json: AsJson = False,
    lang: Lang = "en",
) -> None:
    """Judge recordings in their waveforms: data sent twice, made up or frozen; clocks and gains that step."""
    import time

    from houfeng.serve.judgements import write_line
    from houfeng.shell.guarding.waves import waves as judged

    language = _language(lang)
    found: list[Judgement] = []
    for judgement in judged(recordings, now_ns=time.time_ns(), tell=_tell):
        found.append(judgement)
        if as_json:
            sys.stdout.buffer.write(write_line(judgement, language))
            sys.stdout.buffer.flush()
    if not as_json:
        _print(found, language)


@guard.command()
def explain(
    finding: Annotated[str, typer.Argument(help="A detector's name, or a finding's line of JSON.", metavar="FINDING")],
    lang: Lang = "en",
) -> None:
    """Say what a finding means: its technique, why its limits are what they are, and what would refute it."""
    from houfeng.guard.judge.rules import all_rules
    from houfeng.serve.judgements.wording import plain

    language = _language(lang)
    told: dict[str, Any] = {}
    name = finding
    if finding.lstrip().startswith("{"):
        try:
            told = json.loads(finding)
            name = str(told["detector"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataFault("FINDING", "not a finding's line of JSON", "copy the whole line") from error
    rule = all_rules().get(name)
    if rule is None:
        raise DataFault(plain(name), "no detector has this name", "one of: " + ", ".join(sorted(all_rules())))
    out.print(f"[bold]{rule.detector}[/]" + (f"  ATT&CK {rule.technique}" if rule.technique else ""))
    if told:
        when, reason = (plain(str(told.get(key, ""))) for key in ("time", "reason"))
        out.print(f"{escape(when)}  {escape(str(told.get('severity', '')))}, probability {told.get('probability')}")
        out.print(escape(reason), soft_wrap=True)
    else:
        names = {"subject", "peer", *rule.facts}
        out.print(escape(rule.reason[language].format_map({name: f"<{name}>" for name in names})), soft_wrap=True)
    for limit, value in rule.limits.items():
        out.print(f"  {limit} = {value:g}: {escape(rule.why[limit])}", soft_wrap=True)
    said = plain(str(told.get("refuted_by", ""))) or rule.refuted_by[language]
    out.print(f"[bold]{'What would refute it' if language == 'en' else '何以反驳'}[/]: {escape(said)}", soft_wrap=True)


def _listen(text: str) -> "Address":
    from houfeng.shell.settings.values import parse_address

    try:
        return parse_address(text if ":" in text else f"127.0.0.1:{text}", least_port=0)
    except ValueError as error:
        raise typer.BadParameter("write HOST:PORT, such as 127.0.0.1:2055", param_hint="--netflow") from error


def _domains(path: Path) -> dict[str, tuple[str, ...]]:
    from houfeng.shell.settings.stations import read_domains

    try:
        data = path.read_bytes()
    except OSError as error:
        raise WorldFault(str(path), f"cannot be read: {error.strerror}", "check the path and its rights") from error
    together: dict[str, tuple[str, ...]] = {}
    for station, shared in sorted(read_domains(data, path).items()):
        for domain in sorted(shared):
            together[domain] = (*together.get(domain, ()), station)
    return together


def _instant(text: str | None, option: str) -> int | None:
    from houfeng.words.instant import parse_instant

    try:
        return None if text is None else parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise typer.BadParameter("no IP address", param_hint="--address") from error


@guard.command()
def pull(
    host: Annotated[str, typer.Argument(help="[USER@]HOST as ssh takes it.", metavar="HOST")],
    station: Annotated[str, typer.Option("--station", help="The station it belongs to.", metavar="NET.STA")],
    to: Annotated[Path, typer.Option("--out", help="Write the report here.", metavar="FILE")],
    local: Annotated[bool, typer.Option("--local", help="Ask this machine, and not over ssh.")] = False,
    watch: Annotated[
        list[str] | None,
        typer.Option("--watch", help="Watch this folder instead of the usual. May be repeated.", metavar="FOLDER"),
    ] = None,
    sign: Annotated[
        Path | None, typer.Option("--sign", help="Sign it as a baseline, with this Ed25519 key.", metavar="KEYFILE")
    ] = None,
) -> None:
    """Ask a host what it is, over ssh with fixed read-only commands: files, keys, services, sockets, routes."""
    from houfeng.shell.guarding.pulling import pull as asked
    from houfeng.shell.keys.files import write_whole
    from houfeng.shell.keys.keys import public_of, read_identity
    from houfeng.shell.keys.texts import public_text, station_of
    from houfeng.wire.host_baseline import sign_baseline
    from houfeng.wire.host_report import write_host_report
    from houfeng.words.host import PARTS

    station_of("--station", station)
    key = None if sign is None else read_identity(sign)
    report, findings = asked(host, station=station, local=local, watch=watch or ())
    for finding in findings:
        _tell(finding)
    content = write_host_report(report) if key is None else sign_baseline(report, key)
    write_whole(to, content, secret=True, replace=True)
    untold = [part.removesuffix("_ns") for part in PARTS if getattr(report, part) is None]
    if untold:
        err.print(f"not told by {escape(host)}: {', '.join(untold)}", soft_wrap=True)
    if key is not None:
        err.print(f"signed: give --key {public_text('ed25519', public_of(key))}", soft_wrap=True, highlight=False)


@guard.command(cls=SeveralFiles)
def host(
    reports: Annotated[list[Path], typer.Argument(help="Reports of one host.", metavar="REPORT...")],
    baseline: Annotated[Path, typer.Option("--baseline", help="The report it is held against.", metavar="FILE")],
    key: Key = None,
    eyes: Annotated[
        list[Path] | None,
        typer.Option("--eyes", help="What eyes on its network saw: hold its sockets against it.", metavar="FILES..."),
    ] = None,
    address: Annotated[
        list[str] | None,
        typer.Option("--address", help="An address of the host, as eyes see it. May be repeated.", metavar="ADDRESS"),
    ] = None,
    as_json: AsJson = False,
    lang: Lang = "en",
) -> None:
    """Judge what a host says of itself, against its baseline and against what was seen of it on the wire."""
    from houfeng.serve.judgements import write_line
    from houfeng.shell.guarding.hosts import baseline_of, examine
    from houfeng.shell.keys.texts import public_bytes

    language = _language(lang)
    trusted = [public_bytes("--key", "ed25519", each) for each in key or ()]
    before = baseline_of(baseline, trusted)
    if not trusted:
        err.print(f"{escape(str(baseline))}: its signature is not checked without --key", soft_wrap=True)
    found = examine(reports, before, tell=_tell, eyes=eyes or (), addresses=address or ())
    if as_json:
        for judgement in found:
            sys.stdout.buffer.write(write_line(judgement, language))
        sys.stdout.buffer.flush()
    else:
        _print(found, language)


def _conducts(profiles: Sequence[Path], days: Sequence[Path]) -> "list[Conduct]":
    from houfeng.shell.guarding.checking import learned_from, profile_of

    conducts = [profile_of(path, _tell) for path in profiles]
    if days:
        learned = learned_from(days, name="learned", tell=_tell)
        if learned.conduct is None:
            reason = "nothing is learned from these files: " + "; ".join(learned.doubts)
            raise DataFault("--learn", reason, "look into it, or give other days")
        conducts.append(learned.conduct)
    return conducts


def _print(found: "Sequence[Judgement]", language: str) -> None:
    from houfeng.guard.judge.cases import Cases
    from houfeng.serve.judgements import reason_of
    from houfeng.words.instant import format_instant

    cases = Cases()
    for judgement in found:
        (case,) = cases.handle(judgement) or (None,)
        colour = _COLOURS[judgement.severity]
        out.print(
            f"{format_instant(judgement.time_ns, 0)} [{colour}]{judgement.severity:6}[/] "
            f"{judgement.probability:4.2f} {judgement.detector:20} {escape(reason_of(judgement, language))}"
            + (f" [dim](case {case.case_id})[/]" if case else ""),
            soft_wrap=True,
            highlight=False,
        )
    out.print(f"{len(found)} findings" if language == "en" else f"{len(found)} 条发现", highlight=False)


def _tell(finding: "Finding") -> None:
    err.print(f"[yellow]{escape(finding.file)}[/]: {escape(finding.reason)}", soft_wrap=True, highlight=False)


def _language(lang: str) -> str:
    if lang not in {"en", "zh"}:
        raise typer.BadParameter("en or zh", param_hint="--lang")
    return lang
