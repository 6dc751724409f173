"""The program `houfeng` and the commands that work on files. Those of a running centre are in centre.py."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from houfeng.shell.cli.centre import commands
from houfeng.shell.cli.guard import guard
from houfeng.words.errors import DataFault, HoufengError, OurFault, WorldFault
from houfeng.words.instant import format_instant, parse_instant
from houfeng.words.quake import Quake
from houfeng.words.source import shown

#: Exit codes, documented in docs/reference/exit-codes.md; 2 is a wrong command line, given by typer.
EXIT_DATA = 3
EXIT_WORLD = 4
EXIT_OURS = 70

#: A quake table on a terminal shows this many rows at most; catalogue.xml has them all.
ROWS_SHOWN = 200

app = typer.Typer(
    name="houfeng",
    help="Houfeng hears the ground: recordings in, a located earthquake catalogue out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(commands)
app.add_typer(guard)
out = Console()
err = Console(stderr=True)


class PickerName(StrEnum):
    """How onsets are found."""

    classical = "classical"
    phasenet = "phasenet"


class LanguageName(StrEnum):
    """Languages of the report."""

    en = "en"
    zh = "zh"


class Quality(StrEnum):
    """How well an origin is known, best first."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"


Stations = Annotated[
    list[str] | None,
    typer.Option("--stations", help="Station metadata: a file, folder or glob. May be repeated.", metavar="INVENTORY"),
]
Model = Annotated[
    Path | None, typer.Option("--model", help="Velocity model, CSV. Default: iasp91, and said so.", metavar="CSV")
]
OutFolder = Annotated[Path, typer.Option("--out", help="Folder for the results.", metavar="DIR")]
ChosenPicker = Annotated[PickerName, typer.Option("--picker", help="How onsets are found.")]
Weights = Annotated[
    Path | None, typer.Option("--weights", help="PhaseNet weights, ONNX; never downloaded.", metavar="FILE")
]
WeightsHash = Annotated[
    str | None,
    typer.Option("--weights-sha256", help="SHA-256 the weights must have. Default: the published file's."),
]
ArchiveFolder = Annotated[
    Path | None, typer.Option("--archive", help="Keep the samples in this SDS archive.", metavar="DIR")
]
KeptIn = Annotated[
    str | None, typer.Option("--catalogue", help="Keep the quakes in this SQL catalogue.", metavar="URL_OR_FILE")
]
Lang = Annotated[LanguageName, typer.Option("--lang", help="Language of the report: English or Chinese.")]
Places = Annotated[
    Path | None,
    typer.Option("--places", help="Table of places: name, latitude, longitude, population.", metavar="CSV"),
]
FaultFile = Annotated[
    Path | None,
    typer.Option("--fault", help="Outline of the largest quake's rupture, as ShakeMap takes it.", metavar="FILE"),
]
ByArrivalWanted = Annotated[
    bool, typer.Option("--by-arrival", help="Play packets in the order in which they reached the centre, as run does.")
]
LatencyS = Annotated[
    float | None,
    typer.Option(
        "--latency", min=0.0, help="With --by-arrival: how long records took of which nobody recorded it.", metavar="S"
    ),
]
DomainsTable = Annotated[
    Path | None,
    typer.Option("--domains", help="With --by-arrival: CSV of what stations can fail or lie with.", metavar="CSV"),
]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy", help="With --by-arrival: of what to warn whom. Default: the packaged one.", metavar="TOML"
    ),
]
DaskAddress = Annotated[
    str | None,
    typer.Option(
        "--dask", help='Share the stations between the workers of a Dask scheduler, or "local".', metavar="ADDRESS"
    ),
]
Pictures = Annotated[bool, typer.Option("--pictures/--no-pictures", help="Draw every quake.")]

Start = Annotated[
    int | None, typer.Option("--start", parser=parse_instant, help="Origin times from this on, UTC.", metavar="TIME")
]
End = Annotated[
    int | None, typer.Option("--end", parser=parse_instant, help="Origin times before this, UTC.", metavar="TIME")
]
Box = Annotated[
    tuple[float, float, float, float] | None,
    typer.Option("--box", help="Epicentres in this box, degrees.", metavar="SOUTH NORTH WEST EAST"),
]
MinMagnitude = Annotated[float | None, typer.Option("--min-magnitude", help="This size or larger.")]
MaxMagnitude = Annotated[float | None, typer.Option("--max-magnitude", help="This size or smaller.")]
LeastQuality = Annotated[Quality | None, typer.Option("--quality", help="This quality or better.")]
Versions = Annotated[bool, typer.Option("--versions", help="Every version, not only the latest.")]
QuakemlFile = Annotated[Path | None, typer.Option("--quakeml", help="Write QuakeML.", metavar="FILE")]
CsvFile = Annotated[Path | None, typer.Option("--csv", help="Write a table.", metavar="FILE")]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"houfeng {version('houfeng')}")
        raise typer.Exit


@app.callback()
def _root(
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Houfeng hears the ground: recordings in, a located earthquake catalogue out."""


@app.command()
def replay(
    waveforms: Annotated[
        list[str], typer.Argument(help="Recordings: files, folders or globs of any format.", metavar="WAVEFORMS...")
    ],
    stations: Stations = None,
    model: Model = None,
    out_folder: OutFolder = Path("houfeng-results"),
    picker: ChosenPicker = PickerName.classical,
    weights: Weights = None,
    weights_sha256: WeightsHash = None,
    archive: ArchiveFolder = None,
    catalogue: KeptIn = None,
    pictures: Pictures = True,
    lang: Lang = LanguageName.en,
    places: Places = None,
    fault: FaultFile = None,
    by_arrival: ByArrivalWanted = False,
    latency: LatencyS = None,
    domains: DomainsTable = None,
    policy: PolicyFile = None,
    dask: DaskAddress = None,
) -> list[Quake]:
    """Play recordings through the whole centre, write the catalogue it hears and a report.

    Results: catalogue.xml (QuakeML), picks.csv, findings.jsonl; of the largest quake report.html, shaking.csv,
    shaking_grid.csv and shaking_contours.geojson; and, per quake, a record section, a map and residuals as PNG.
    Played by arrival, it also warns: alerts.jsonl, a line for every version of every alert, all of status "test".
    """
    from houfeng.shell.players import Way, player
    from houfeng.shell.recordings import find_files
    from houfeng.shell.replay.keeping import into_archive, into_catalogue
    from houfeng.shell.replay.replay import OnTold, Told
    from houfeng.shell.replay.reporting import Report, load_places
    from houfeng.shell.replay.results import Results

    peopled = load_places(places)
    report = Report(out_folder, language=lang.value, pictures=pictures, places=peopled.places, fault=fault)
    paths = find_files(waveforms)
    with err.status(f"reading {len(paths)} files"):
        play = player(
            paths,
            Way(by_arrival, latency, dask, samples=archive is not None, domains=domains, policy=policy),
            stations=stations or [],
            model=model,
            picker=picker.value,
            weights=weights,
            sha256=weights_sha256,
        )
    with ExitStack() as opened:
        keepers: list[OnTold] = []
        if catalogue is not None:
            keepers.append(opened.enter_context(into_catalogue(catalogue)))
        results = opened.enter_context(Results(out_folder, pictures=pictures, alerts=by_arrival))
        keepers += [results.tell, report.tell]
        if archive is not None:
            keepers.append(opened.enter_context(into_archive(archive, results.tell)))

        def on_told(told: Told) -> None:
            for keep in keepers:
                keep(told)

        for finding in peopled.findings:
            on_told(finding)
        with _bar() as on_progress:
            outcome = play(on_told, on_progress)
        results.finish(outcome.quakes)
        with err.status("writing the report"):
            report.finish(outcome.quakes)
    _show_quakes(outcome.quakes)
    out.print(
        f"{len(outcome.quakes)} quakes, {outcome.pick_count} picks, {results.finding_count} findings. "
        f"Results: {escape(str(out_folder))}/catalogue.xml",
        soft_wrap=True,
    )
    out.print(f"Report: {escape(str(out_folder))}/report.html", soft_wrap=True)
    return outcome.quakes


@app.command()
def locate(
    picks: Annotated[
        Path,
        typer.Argument(help="Picks: QuakeML, Nordic, NonLinLoc, HYPO71 or CSV.", metavar="PICKS"),
    ],
    stations: Stations = None,
    model: Model = None,
    out_folder: OutFolder = Path("houfeng-results"),
) -> None:
    """Locate quakes from given picks and write them as catalogue.xml."""
    from houfeng.shell.locating import locate_file
    from houfeng.shell.replay.replay import load_inventory, load_model
    from houfeng.shell.replay.results import open_folder, write_catalogue, write_findings

    quakes, findings = locate_file(picks, load_inventory(stations or []), load_model(model), defaulted=model is None)
    open_folder(out_folder)
    write_findings(out_folder, findings)
    write_catalogue(out_folder, quakes)
    _show_quakes(quakes)
    for finding in findings:
        err.print(
            f"[yellow]{escape(shown(finding.station) or finding.file)}[/]: {escape(finding.reason)}", soft_wrap=True
        )
    if not quakes:
        raise DataFault(str(picks), "no quake could be located", "see findings.jsonl for why")
    out.print(f"{len(quakes)} quakes. Results: {escape(str(out_folder))}/catalogue.xml", soft_wrap=True)


@app.command()
def catalogue(
    place: Annotated[str, typer.Argument(help="The catalogue: an SQLite file or a URL.", metavar="URL_OR_FILE")],
    start: Start = None,
    end: End = None,
    box: Box = None,
    min_magnitude: MinMagnitude = None,
    max_magnitude: MaxMagnitude = None,
    quality: LeastQuality = None,
    versions: Versions = False,
    quakeml: QuakemlFile = None,
    csv: CsvFile = None,
) -> None:
    """Show the quakes of a catalogue that fit, and write them as files."""
    from houfeng.shell.catalogue.catalogue import Catalogue, url_of
    from houfeng.shell.replay.results import write_file
    from houfeng.wire.quakeml import write_quakeml
    from houfeng.wire.quakes_csv import write_quakes_csv

    if "://" not in place and not Path(place).exists():
        raise WorldFault(place, "no such catalogue", "make one with houfeng replay --catalogue")
    with Catalogue(url_of(place)) as kept:
        try:
            quakes = kept.query(
                start_ns=start,
                end_ns=end,
                box=box,
                min_magnitude=min_magnitude,
                max_magnitude=max_magnitude,
                quality=quality,
            )
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        if versions:
            quakes = [version for quake in quakes for version in kept.versions(quake.quake_id)]
    if quakeml is not None:
        write_file(quakeml, write_quakeml(quakes))
    if csv is not None:
        write_file(csv, write_quakes_csv(quakes))
    _show_quakes(quakes, versions=versions)


@app.command()
def info(
    files: Annotated[
        list[str], typer.Argument(help="Any input: waveforms, metadata, events, models.", metavar="FILE...")
    ],
) -> None:
    """Say what is in files of any kind, and what is odd about them."""
    from houfeng.shell.info import describe
    from houfeng.shell.recordings import find_files

    refused = 0
    for path in find_files(files):
        description = describe(path)
        refused += not description.readable
        style = "green" if description.readable else "red"
        out.print(f"[bold]{escape(str(path))}[/]: [{style}]{escape(description.summary)}[/]", soft_wrap=True)
        for line in description.lines:
            out.print(f"  {escape(line)}", soft_wrap=True)
        for finding in description.findings:
            where = f"{shown(finding.station)} " if finding.station else ""
            when = f"{format_instant(finding.time_ns)} " if finding.time_ns is not None else ""
            out.print(f"  [yellow]{finding.kind}[/] {escape(f'{where}{when}{finding.reason}')}", soft_wrap=True)
    if refused:
        raise DataFault(f"{refused} of the files", "could not be read", "the reasons stand above")


@app.command()
def twin(
    scenario: Annotated[
        str, typer.Argument(help="A scenario that ships with Houfeng, by name, or a TOML file.", metavar="SCENARIO")
    ],
    out_folder: OutFolder = Path("houfeng-twin"),
) -> None:
    """Write the recording of a make-believe earth: waveforms, station metadata, arrivals of packets, and the truth."""
    from houfeng.shell.twinning import load_scenario, write_recording

    made = load_scenario(scenario)
    started = time.monotonic()
    with Progress(console=err, transient=True) as progress:
        task = progress.add_task(f"making {made.title}", total=1.0)
        recording = write_recording(made, out_folder, lambda share: progress.update(task, completed=share))
    took_s = time.monotonic() - started
    out.print(
        f"{len(recording.quakes)} quakes, {recording.samples:,} samples, {recording.samples / took_s:,.0f} a second. "
        f"Recording: {escape(str(out_folder))}",
        soft_wrap=True,
    )


@app.command()
def demo(out_folder: OutFolder = Path("houfeng-demo")) -> None:
    """Make an hour under a make-believe city, replay it, and compare what was heard with what was made."""
    from houfeng.shell.demo import make_recording
    from houfeng.shell.tables import truth_table

    with err.status("making an hour of a make-believe city"):
        recording = make_recording(out_folder / "recording")
    heard = replay(
        [str(recording.waveforms)],
        stations=[str(recording.stations)],
        model=recording.model,
        out_folder=out_folder / "results",
        weights=None,
        weights_sha256=None,
    )
    out.print(truth_table(recording.quakes, heard))
    out.print(f"Truth: {escape(str(recording.truth))}", soft_wrap=True)


@contextmanager
def _bar() -> Iterator[Callable[..., None]]:
    """A progress bar on the terminal's error stream; plain silence where there is no terminal."""
    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[clock]}"),
        TextColumn("{task.fields[picks]} picks, {task.fields[quakes]} quakes"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("replay", total=1.0, clock="", picks=0, quakes=0)

        def show(now_ns: int, played: float, picks: int, quakes: int) -> None:
            progress.update(task, completed=played, clock=format_instant(now_ns, 0), picks=picks, quakes=quakes)

        yield show


def _show_quakes(quakes: Sequence[Quake], *, versions: bool = False) -> None:
    from houfeng.shell.tables import quake_table

    if not quakes:
        out.print("No quakes.")
        return
    table = quake_table(quakes[:ROWS_SHOWN], versions=versions)
    out.print(table, width=max(out.width, Measurement.get(out, out.options, table).maximum), crop=False)
    if len(quakes) > ROWS_SHOWN:
        out.print(f"... and {len(quakes) - ROWS_SHOWN} more")


def main() -> None:
    """Run the command line; every fault becomes one plain line and an exit code."""
    try:
        app()
    except HoufengError as fault:
        code = {DataFault: EXIT_DATA, WorldFault: EXIT_WORLD, OurFault: EXIT_OURS}
        err.print(f"[bold red]houfeng:[/] {escape(str(fault))}", soft_wrap=True)
        sys.exit(next((code[kind] for kind in type(fault).__mro__ if kind in code), EXIT_OURS))
