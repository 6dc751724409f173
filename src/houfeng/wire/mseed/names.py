"""Channel names as they stand in records."""

from functools import lru_cache

from houfeng.words.source import SourceId, parse_source


def source_of(name: bytes, version: int) -> SourceId | None:
    """The channel a record names, None when its codes are not codes.

    name     version 2: station, location, channel, network as 12 characters padded with spaces;
             version 3: an FDSN source identifier
    version  2 or 3
    """
    text = name.decode("latin-1")
    try:
        if version == 2:
            station, location, channel, network = (
                text[at:stop].strip(" \0") for at, stop in ((0, 5), (5, 7), (7, 10), (10, 12))
            )
            return SourceId(network, station, location, channel)
        return parse_source(text.rstrip("\0"))
    except ValueError:
        return None


@lru_cache(maxsize=1 << 17)  # a nation has 50,000 channels, each named once a second
def keyed_source(name: bytes, version: int) -> tuple[str, SourceId] | None:
    """The channel a record names, with a string that is its alone: strings remember their hash, a SourceId does not."""
    source = source_of(name, version)
    return None if source is None else (source.nslc, source)
