"""Feeds as the settings tell of them."""

import random
from collections.abc import Callable, Mapping
from pathlib import Path

from houfeng.shell.feeds.datalink import DataLink
from houfeng.shell.feeds.dataselect import Dataselect
from houfeng.shell.feeds.feed import Feed
from houfeng.shell.feeds.folder import folder
from houfeng.shell.feeds.openeew import openeew
from houfeng.shell.feeds.peers import Login, Peer, Stations
from houfeng.shell.feeds.seedlink import SeedLink
from houfeng.shell.settings.feeds import (
    DataLinkFeed,
    DataselectFeed,
    FolderFeed,
    OpenEewFeed,
    SeedLinkFeed,
)
from houfeng.shell.settings.feeds import Feed as FeedSettings
from houfeng.shell.settings.secrets import secret_of


def feed_of(
    told: FeedSettings,
    *,
    clock: Callable[[], int],
    chance: random.Random,
    environment: Mapping[str, str],
    ledgers: Path,
) -> Feed:
    """A feed, ready to run.

    clock        the present, ns; chance: spreads reconnections; environment: as os.environ, for secrets
    ledgers      a folder in which feeds from files note what they have given

    Raises WorldFault or DataFault when a secret or a certificate cannot be read.
    """
    match told:
        case SeedLinkFeed():
            version = None if told.protocol == "auto" else told.protocol
            return SeedLink(
                told.name,
                _peer(told, environment),
                clock=clock,
                chance=chance,
                stations=Stations(told.stations),
                selectors=told.selectors,
                version=version,
                oldest=told.begin == "oldest",
            )
        case DataLinkFeed():
            peer = _peer(told, environment)
            return DataLink(told.name, peer, clock=clock, chance=chance, stations=Stations(told.stations))
        case FolderFeed():
            return folder(told.name, told.path, ledgers / f"{told.name}.ledger", clock=clock, chance=chance)
        case OpenEewFeed():
            return openeew(told.name, told.path, ledgers / f"{told.name}.ledger", clock=clock, chance=chance)
        case DataselectFeed():
            return Dataselect(
                told.name,
                told.url,
                clock=clock,
                chance=chance,
                login=_login(told, environment),
                ca=told.ca,
                stations=Stations(told.stations),
            )


def _peer(told: SeedLinkFeed | DataLinkFeed, environment: Mapping[str, str]) -> Peer:
    return Peer(told.address.host, told.address.port, told.tls, told.ca, _login(told, environment))


def _login(told: SeedLinkFeed | DataLinkFeed | DataselectFeed, environment: Mapping[str, str]) -> Login | None:
    if not isinstance(told, DataselectFeed):
        token = secret_of(told.token_file, told.token_env, environment=environment)
        if token is not None:
            return Login(token=token.get_secret_value())
    password = secret_of(told.password_file, told.password_env, environment=environment)
    return None if password is None else Login(told.user, password.get_secret_value())
