"""Which keys the centre believes, of which station and when: one file for each station, FOLDER/NET.STA.toml."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from houfeng.shell.keys.files import write_whole
from houfeng.shell.keys.keys import fingerprint
from houfeng.shell.keys.requests import Request
from houfeng.shell.keys.texts import (
    instant_ns,
    place_of,
    public_bytes,
    public_text,
    quoted,
    read_toml,
    station_of,
    time_text,
)
from houfeng.words.assurance import EnrolledKey, Enrolment
from houfeng.words.errors import DataFault


def load(folder: Path) -> tuple[Enrolment, ...]:
    """Every station enrolled, by name. Raises WorldFault or DataFault for a file that cannot be read or believed."""
    return tuple(_read_enrolment(path) for path in sorted(folder.glob("*.toml")))


def enrol(folder: Path, request: Request, from_ns: int) -> tuple[Enrolment, ...]:
    """Believe a request's key for its stations from an instant on, beside the keys they have.

    Call it once a person has compared the fingerprint. Returns what the stations have now.
    Raises DataFault when the key is enrolled already or was revoked, WorldFault when the disk refuses.
    """
    key = EnrolledKey(request.public, request.place, from_ns)
    now = []
    for station in request.stations:
        path = folder / f"{station}.toml"
        had = _read_enrolment(path).keys if path.exists() else ()
        if any(known.public == request.public for known in had):
            raise DataFault(str(path), "has this key already, in force or revoked", "make a new key")
        now.append(Enrolment(station, (*had, key)))
    return write_enrolments(folder, now)


def rotate(folder: Path, request: Request, from_ns: int, *, overlap_ns: int) -> tuple[Enrolment, ...]:
    """Believe a new key because the old one signed for it; the old one ends after an overlap.

    Raises DataFault when the request is signed by no key in force for every one of its stations, WorldFault when the
    disk refuses.
    """
    for station in request.stations:
        path = folder / f"{station}.toml"
        had = _read_enrolment(path).keys if path.exists() else ()
        if not any(known.public == request.previous and _in_force(known, from_ns) for known in had):
            raise DataFault(str(path), "the old key that signed this request is not in force", "enrol it by hand")
    until_ns = from_ns + overlap_ns
    rotated = []
    for enrolled in enrol(folder, request, from_ns):
        keys = tuple(
            replace(known, until_ns=min(until_ns, known.until_ns or until_ns))
            if known.public == request.previous
            else known
            for known in enrolled.keys
        )
        rotated.append(Enrolment(enrolled.station_key, keys))
    return write_enrolments(folder, rotated)


def revoke(folder: Path, public: bytes, revoked_ns: int) -> tuple[Enrolment, ...]:
    """Believe a key no more, for any station, from an instant on. Returns the stations concerned as they are now.

    A key revoked before stays revoked since then. Raises DataFault when no station has it, WorldFault when the disk
    refuses.
    """
    concerned = [enrolled for enrolled in load(folder) if any(known.public == public for known in enrolled.keys)]
    if not concerned:
        raise DataFault(fingerprint(public), "is the key of no station enrolled")
    return write_enrolments(
        folder,
        [
            Enrolment(
                enrolled.station_key,
                tuple(
                    replace(
                        known, revoked_ns=min(revoked_ns, revoked_ns if known.revoked_ns is None else known.revoked_ns)
                    )
                    if known.public == public
                    else known
                    for known in enrolled.keys
                ),
            )
            for enrolled in concerned
        ],
    )


def _in_force(key: EnrolledKey, at_ns: int) -> bool:
    return key.from_ns <= at_ns and all(end_ns is None or at_ns < end_ns for end_ns in (key.until_ns, key.revoked_ns))


def write_enrolments(folder: Path, enrolments: Sequence[Enrolment]) -> tuple[Enrolment, ...]:
    """Write each station's file anew. Raises WorldFault when the disk refuses."""
    for enrolled in enrolments:
        lines = [f"station = {quoted(enrolled.station_key)}"]
        for key in enrolled.keys:
            lines += ["", "[[keys]]", f"# fingerprint {fingerprint(key.public)}"]
            lines += [f"public = {quoted(public_text('ed25519', key.public))}", f"place = {quoted(key.place)}"]
            lines += [f"from = {time_text(key.from_ns)}"]
            lines += [] if key.until_ns is None else [f"until = {time_text(key.until_ns)}"]
            lines += [] if key.revoked_ns is None else [f"revoked = {time_text(key.revoked_ns)}"]
        content = "\n".join([*lines, ""]).encode()
        write_whole(folder / f"{enrolled.station_key}.toml", content, secret=False, replace=True)
    return tuple(enrolments)


def _read_enrolment(path: Path) -> Enrolment:
    subject = str(path)
    values = read_toml(path)
    station = station_of(subject, values.get("station"))
    if path.name != f"{station}.toml":
        raise DataFault(subject, f"is about {station}", "name the file after its station")
    tables = values.get("keys", [])
    if not (isinstance(tables, list) and all(isinstance(table, dict) for table in tables)):
        raise DataFault(subject, "keys must be tables", "write [[keys]]")
    return Enrolment(station, tuple(_key(subject, table) for table in tables))


def _key(subject: str, table: dict[str, object]) -> EnrolledKey:
    unknown = table.keys() - {"public", "place", "from", "until", "revoked"}
    if unknown:
        raise DataFault(subject, f"{min(unknown)} is no part of a key", "public, place, from, until, revoked are")
    return EnrolledKey(
        public_bytes(subject, "ed25519", table.get("public")),
        place_of(subject, table.get("place")),
        instant_ns(subject, table.get("from")),
        instant_ns(subject, table["until"]) if "until" in table else None,
        instant_ns(subject, table["revoked"]) if "revoked" in table else None,
    )
