"""The commands that found and run a centre, and look after its readers and the stations that sign."""

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from houfeng.words.errors import DataFault, WorldFault

if TYPE_CHECKING:
    from houfeng.shell.settings.values import Address

commands = typer.Typer()
keys = typer.Typer(name="keys", help="The stations that sign what they send.", no_args_is_help=True)
commands.add_typer(keys)
out = Console()
err = Console(stderr=True)

Folder = Annotated[Path, typer.Argument(help="The centre's folder.", metavar="DIR")]


@commands.command()
def init(
    folder: Folder,
    name: Annotated[str | None, typer.Option("--name", help="What the centre is called.")] = None,
    stations: Annotated[
        list[str] | None,
        typer.Option("--stations", help='Station metadata: a file, folder or glob; "" for none.', metavar="INVENTORY"),
    ] = None,
    feed: Annotated[
        str | None,
        typer.Option("--feed", help='Where packets come from: host:port, or a folder; "" for none.', metavar="FEED"),
    ] = None,
    lang: Annotated[str, typer.Option("--lang", help="Language of reports: en or zh.")] = "en",
) -> None:
    """Found a centre: its folder, settings, keys and catalogue. Asks what no option answers."""
    from houfeng.shell.founding.answers import ask
    from houfeng.shell.founding.founding import found

    if lang not in {"en", "zh"}:
        raise typer.BadParameter("en or zh", param_hint="--lang")
    answers = ask(
        name=name,
        stations=stations or None,
        feed=feed,
        language="zh" if lang == "zh" else "en",
        prompt=lambda words, default: str(typer.prompt(words, default=default, show_default=bool(default))),
    )
    founded = found(folder, answers, now_ns=time.time_ns())
    for finding in founded.findings:
        err.print(f"[yellow]{escape(finding.station or finding.file)}[/]: {escape(finding.reason)}", soft_wrap=True)
    out.print(f"{escape(str(founded.folder))}: {', '.join(founded.made)}; {founded.stations} stations", soft_wrap=True)
    for step in founded.next_steps:
        out.print(f"  {escape(step)}", soft_wrap=True)


@commands.command()
def run(
    folder: Folder,
    until_idle: Annotated[
        float | None,
        typer.Option(
            "--until-idle", min=1.0, help="End once nothing has come for so many seconds, telling what is left."
        ),
    ] = None,
    role: Annotated[
        str | None,
        typer.Option("--role", help="Be one process of several: intake, detect or associate.", metavar="ROLE"),
    ] = None,
    shard: Annotated[
        str | None, typer.Option("--shard", help="The share of the stations detect hears, such as 2/8.", metavar="K/N")
    ] = None,
    health: Annotated[
        str | None,
        typer.Option(
            "--health", help="Where on this machine /health and /metrics are, instead of [health].", metavar="HOST:PORT"
        ),
    ] = None,
) -> None:
    """Run a centre until it is told to stop: Ctrl-C, or SIGTERM. A second Ctrl-C does not wait."""
    if role not in {None, "intake", "detect", "associate"}:
        raise typer.BadParameter("intake, detect or associate", param_hint="--role")
    if (role == "detect") != (shard is not None):
        raise typer.BadParameter("goes with --role detect, and the other way round", param_hint="--shard")

    page = _page(health)

    def ready(name: str, port: int) -> None:
        err.print(f"{name} listens on port {port}", highlight=False)

    if role is None:
        from houfeng.shell.centre.centre import Centre

        centre = Centre(folder, idle_s=until_idle, health_listen=page, on_ready=ready)
    else:
        try:
            from houfeng.shell.cluster import roles
            from houfeng.shell.cluster.shard import parse_shard
        except ModuleNotFoundError as error:
            if error.name != "nats":
                raise
            raise WorldFault("nats-py", "is not installed", "pip install 'houfeng[cluster]'") from error
        if shard is not None:
            roles.detect(folder, parse_shard(shard), until_end=until_idle is not None, page=page, on_ready=ready)
            return
        if role == "associate":
            roles.associate(folder, until_end=until_idle is not None, page=page, on_ready=ready)
            return
        centre = roles.intake_centre(folder, idle_s=until_idle, page=page, on_ready=ready)
    late = asyncio.run(centre.run())
    for duty in late:
        err.print(f"[yellow]{escape(duty)}[/] had to be cut short")
    if centre.supervisor.hurried:
        os._exit(1)  # threads that hang on a disk or a database are not waited for


def _page(address: str | None) -> "Address | None":
    """Where the page of health is to be. What other machines can reach is for the settings to allow."""
    if address is None:
        return None
    from houfeng.shell.settings.values import parse_address

    try:
        page = parse_address(address, least_port=0)
    except ValueError as error:
        raise typer.BadParameter("no HOST:PORT", param_hint="--health") from error
    if not page.is_loopback:
        raise typer.BadParameter("not of this machine: see [health] of the settings", param_hint="--health")
    return page


@commands.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def agent(context: typer.Context) -> None:
    """Run a station's agent, which keeps, signs and serves what a digitiser says. Or make its keys: see --help."""
    from houfeng.shell.agent.__main__ import main

    raise typer.Exit(main(context.args))


@commands.command()
def told(
    folder: Folder,
    picks: Annotated[Path | None, typer.Option("--picks", help="Write picks as CSV.", metavar="FILE")] = None,
    findings: Annotated[
        Path | None, typer.Option("--findings", help="Write findings as JSON lines.", metavar="FILE")
    ] = None,
    assurance: Annotated[
        Path | None,
        typer.Option(
            "--assurance", help="Write how surely each channel's samples are its own, as CSV.", metavar="FILE"
        ),
    ] = None,
    alerts: Annotated[
        Path | None, typer.Option("--alerts", help="Write every version of every alert as JSON lines.", metavar="FILE")
    ] = None,
) -> None:
    """Write out what a centre has told beside its catalogue: picks, findings, assurance, alerts."""
    from houfeng.serve.alerts.lines import write_line
    from houfeng.shell.centre.thinking import TOLD_FILE
    from houfeng.shell.centre.told import ToldStore
    from houfeng.shell.centre.vigil import ALERTS_FILE, AlertStore
    from houfeng.shell.replay.results import write_file
    from houfeng.wire.csv_text import write_csv
    from houfeng.words.instant import format_instant

    if not (folder / TOLD_FILE).exists():
        raise DataFault(str(folder), "has told nothing yet", "run it first")
    with ToldStore(folder / TOLD_FILE) as store:
        if picks is not None:
            write_file(picks, store.picks())
        if findings is not None:
            write_file(findings, store.findings())
        if assurance is not None:
            rows = [(one, format_instant(at), tier) for one, at, tier in store.assurance()]
            write_file(assurance, write_csv([("channel", "from", "tier"), *rows]))
    if alerts is not None:
        with AlertStore(folder / ALERTS_FILE) as kept:
            write_file(alerts, map(write_line, kept.told()))


@commands.command()
def reader(
    folder: Folder,
    name: Annotated[str, typer.Argument(help="The reader's name.")],
    stations: Annotated[
        list[str], typer.Option("--stations", help="What it may read: NET.STA with ? and *.", metavar="PATTERN")
    ],
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="File with its password; asked for without.", metavar="FILE")
    ] = None,
) -> None:
    """Let somebody read from the centre's SeedLink server, or change what he may read."""
    from houfeng.shell.seedlink.readers import add_reader
    from houfeng.shell.settings.secrets import secret_of

    given = secret_of(password_file, None, environment=os.environ)
    password = (
        given.get_secret_value() if given else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    )
    add_reader(folder / "readers.toml", name, stations, password)
    out.print(f"{escape(name)} may read {', '.join(stations)}", soft_wrap=True)


@keys.command()
def enrol(
    folder: Folder,
    request: Annotated[Path, typer.Argument(help="The agent's enrolment request.", metavar="REQUEST")],
    fingerprint: Annotated[
        str, typer.Option("--fingerprint", help="As the station's engineer reads it from the agent.")
    ],
) -> None:
    """Believe what a station signs from now on. The fingerprint is what a person has compared."""
    from houfeng.shell.keys import keys as known
    from houfeng.shell.keys.enrolled import enrol as believe
    from houfeng.shell.keys.enrolled import rotate
    from houfeng.shell.keys.keys import ENROLLED
    from houfeng.shell.keys.requests import read_request

    asked = read_request(request)
    if known.fingerprint(asked.public) != fingerprint:
        raise DataFault(str(request), "names another key than this fingerprint", "ask the station's engineer again")
    place, now_ns = folder / "keys" / ENROLLED, time.time_ns()
    if asked.previous is None:
        enrolled = believe(place, asked, now_ns)
    else:
        enrolled = rotate(place, asked, now_ns, overlap_ns=OVERLAP_NS)
    out.print(f"enrolled: {', '.join(one.station_key for one in enrolled)}", soft_wrap=True)


@keys.command()
def revoke(
    folder: Folder,
    fingerprint: Annotated[str, typer.Argument(help="Of the key that is not to be believed any more.")],
) -> None:
    """Believe a key no more, for any station, from now on, whatever time its statements claim."""
    from houfeng.shell.keys import keys as known
    from houfeng.shell.keys.enrolled import load
    from houfeng.shell.keys.enrolled import revoke as disbelieve
    from houfeng.shell.keys.keys import ENROLLED

    place = folder / "keys" / ENROLLED
    public = {known.fingerprint(key.public): key.public for one in load(place) for key in one.keys}
    if fingerprint not in public:
        raise DataFault(fingerprint, "is the fingerprint of no key enrolled", "see houfeng keys list")
    concerned = disbelieve(place, public[fingerprint], time.time_ns())
    out.print(f"revoked for: {', '.join(one.station_key for one in concerned)}", soft_wrap=True)


@keys.command("list")
def list_keys(folder: Folder) -> None:
    """Show the stations that sign, and their keys."""
    from houfeng.shell.keys import keys as known
    from houfeng.shell.keys.enrolled import load
    from houfeng.shell.keys.keys import ENROLLED
    from houfeng.shell.keys.texts import public_text
    from houfeng.words.instant import format_instant

    for one in load(folder / "keys" / ENROLLED):
        for key in one.keys:
            until = "" if key.until_ns is None else f" until {format_instant(key.until_ns, 0)}"
            state = f"{key.place}, from {format_instant(key.from_ns, 0)}{until}"
            if key.revoked_ns is not None:
                state = f"[red]revoked {format_instant(key.revoked_ns, 0)}[/]"
            shown = public_text("ed25519", key.public)
            out.print(f"{escape(one.station_key)} {known.fingerprint(key.public)} {shown} {state}", soft_wrap=True)


@keys.command()
def verify(
    records: Annotated[list[str], typer.Argument(help="Records of one station: files, folders or globs.")],
    public: Annotated[
        str, typer.Option("--public", help="The station's public key, as houfeng keys list shows it.", metavar="KEY")
    ],
) -> None:
    """Check a station's records against its public key alone, without the centre. Anybody can."""
    from houfeng.guard.vouch import verify_offline
    from houfeng.shell.keys.texts import public_bytes
    from houfeng.shell.recordings import find_files, read_bytes
    from houfeng.wire.records import cut

    given = [record.content for path in find_files(records) for record in cut(read_bytes(path)).records]
    report = verify_offline(given, public_bytes("--public", "ed25519", public))
    proven = sum(second.proven for second in report.seconds)
    present = sum(len(second.present) for second in report.seconds if second.proven)
    out.print(
        f"{escape(report.station or 'nobody')}, signed by its {report.place or 'owner'}: "
        f"{proven} of {len(report.seconds)} manifests and "
        f"{present} of {present + len(report.unnamed)} records are proven",
        soft_wrap=True,
    )
    for fault in report.faults:
        out.print(f"  [red]{escape(fault)}[/]", soft_wrap=True)
    if not report.whole:
        raise DataFault(f"{len(report.faults)} things", "are not as they should be", "they stand above")


#: An agent that has rotated its key signs with the new one at once; what the old one signed may still be on its way.
OVERLAP_NS = 86_400_000_000_000
