"""The report of a replay: how hard its largest quake shook, as tables, as a map, and as one page."""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from houfeng.quake.hearing import Portrait
from houfeng.quake.network import Network
from houfeng.quake.shake.contours import contours, grid_rows
from houfeng.quake.shake.exposure import PlaceShaking, exposed, people_by_class
from houfeng.quake.shake.map import shaking_map
from houfeng.serve.figures.labels import Language
from houfeng.serve.report import Exposed, Finds, Story, report_page
from houfeng.shell.recordings import read_bytes
from houfeng.shell.replay.replay import Told
from houfeng.shell.replay.results import write_file
from houfeng.wire.csv_text import write_csv
from houfeng.wire.fault import read_fault
from houfeng.wire.places import Place, ReadPlaces, read_places
from houfeng.wire.shaking_csv import write_shaking_csv
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.quake import Quake
from houfeng.words.shaking import ShakingMap
from houfeng.words.source import shown
from houfeng.words.station import Station

NO_SIZE = "no magnitude, so no map of shaking"
#: What a telephone's reader still scrolls through.
MOST_PLACES = 50


def load_places(path: Path | None) -> ReadPlaces:
    """The table of places in a file; none without one."""
    return ReadPlaces(()) if path is None else read_places(read_bytes(path), str(path))


class Report:
    """Listens to a replay, and tells of its largest quake once all is told.

    folder    of the results
    language  of the page and its pictures, which are left out where pictures is False
    places    where people live, to say how hard it shook there
    fault     file with the outline of the rupture of the largest quake, where it is known

    Raises WorldFault when the disk refuses. An outline that makes no sense leaves no map; the page says why.
    """

    def __init__(
        self,
        folder: Path,
        *,
        language: Language = "en",
        pictures: bool = True,
        places: Sequence[Place] = (),
        fault: Path | None = None,
    ) -> None:
        self._folder = folder
        self._language = language
        self._drawn = pictures
        self._places = places
        self._fault = None if fault is None else (read_bytes(fault), str(fault))
        self._stations: Mapping[str, Station] = {}
        self._finds: dict[str, Finds] = {}
        self._largest: Portrait | None = None

    def tell(self, told: Told) -> None:
        """Something was told."""
        match told:
            case Network():
                self._stations = told.stations
            case Finding():
                known = self._finds.get(told.kind)
                where = shown(told.station) or Path(told.file).name
                first = known or Finds(told.kind, 0, where, told.reason)
                self._finds[told.kind] = Finds(first.kind, first.count + 1, first.where, first.reason)
            case Portrait():
                if self._largest is None or _rank(told.quake) > _rank(self._largest.quake):
                    self._largest = told

    def finish(self, quakes: Sequence[Quake]) -> None:
        """All is told: write the tables, the contours and the page."""
        largest = self._largest
        made: ShakingMap | None = None
        notes: tuple[str, ...] = ()
        shaking = () if largest is None else largest.shaking
        write_file(self._folder / "shaking.csv", write_shaking_csv(shaking))
        if largest is not None:
            try:
                made = self._map(largest)
                notes = made.notes
            except DataFault as fault:
                notes = (fault.reason,)
        if made is not None:
            write_file(self._folder / "shaking_grid.csv", write_csv(grid_rows(made)))
            drawn = json.dumps(contours(made), ensure_ascii=False, separators=(",", ":"))
            write_file(self._folder / "shaking_contours.geojson", drawn.encode() + b"\n")
        there = () if made is None else exposed(made, self._places)
        story = Story(
            quake=None if largest is None else largest.quake,
            quakes=quakes,
            shaking=shaking,
            map_notes=notes,
            pictures=self._pictures(largest, made) if largest is not None and self._drawn else {},
            exposed=[_told(one) for one in there[:MOST_PLACES]],
            people=people_by_class(there),
            finds=sorted(self._finds.values(), key=lambda one: (-one.count, one.kind)),
            made_by=f"houfeng {version('houfeng')}",
        )
        write_file(self._folder / "report.html", report_page(story, language=self._language))

    def _map(self, portrait: Portrait) -> ShakingMap:
        size = portrait.quake.magnitude
        if size is None:
            raise DataFault(portrait.quake.quake_id, NO_SIZE)
        origin = portrait.quake.origin
        # which column is latitude may show only beside the epicentre
        fault = None if self._fault is None else read_fault(*self._fault, (origin.latitude_deg, origin.longitude_deg))
        return shaking_map(origin, size.value, portrait.shaking, fault=fault)

    def _pictures(self, portrait: Portrait, made: ShakingMap | None) -> dict[str, bytes]:
        from houfeng.serve import figures  # noqa: PLC0415  15 MB of matplotlib

        quake, language = portrait.quake, self._language
        stations = tuple(self._stations.values())
        pictures = {
            "map": figures.quake_map(quake, stations, language=language),
            "record_section": figures.record_section(
                quake, portrait.segments, portrait.predicted_ns, language=language
            ),
            "residuals": figures.residuals(quake, language=language),
        }
        if quake.magnitudes:
            pictures["magnitudes"] = figures.magnitudes_figure(quake, language=language)
        if made is not None:
            pictures["shaking_map"] = figures.shaking_map_figure(
                quake, made, portrait.shaking, scale="csis" if language == "zh" else "mmi", language=language
            )
            pictures["attenuation"] = figures.attenuation_figure(quake, portrait.shaking, made, language=language)
        return pictures


def _told(one: PlaceShaking) -> Exposed:
    return Exposed(one.place.name, one.place.population, one.mmi, one.csis)


def _rank(quake: Quake) -> tuple[float, int]:
    """Larger first, then the better heard."""
    size = quake.magnitude
    return (float("-inf") if size is None else size.value, len(quake.origin.arrivals))
