"""What must be said beside a magnitude, each thing once."""

#: A remark names no more stations than this.
NAMED = 6


class Remarks:
    """Remarks in the order they were first made, each with the stations it concerns."""

    def __init__(self) -> None:
        self._stations: dict[str, list[str]] = {}

    def add(self, remark: str, station: str = "") -> None:
        """Say something of a station, or of the whole quake."""
        self._stations.setdefault(remark, []).extend([station] if station else [])

    def lines(self) -> tuple[str, ...]:
        """One line for each remark."""
        lines = []
        for remark, stations in self._stations.items():
            more = f" and {len(stations) - NAMED} more" if len(stations) > NAMED else ""
            lines.append(f"{remark}: {', '.join(stations[:NAMED])}{more}" if stations else remark)
        return tuple(lines)
