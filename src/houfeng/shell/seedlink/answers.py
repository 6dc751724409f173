"""Answers to INFO and CAT, written so that they take no time from those who follow. Standard library only."""

import asyncio
import time
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import replace

from houfeng.shell.journal.journal import Journal
from houfeng.shell.seedlink.holdings import Holdings
from houfeng.shell.seedlink.session import Session
from houfeng.wire.seedlink.info import Knowledge, StationHeld, catalogue_v3, info_v3, info_v4
from houfeng.wire.seedlink.requests import CatalogueWanted, InfoWanted

#: The longest answers that may wait to be read, all together.
_MOST_WAITING_BYTES = 64 << 20

#: A long answer is followed by so many times the time it took, in which there is no other.
_REST = 4

#: Stations looked at before others have their turn.
_STATIONS_AT_ONCE = 50

#: Levels whose answers can be long.
_LONG = frozenset({"STATIONS", "STREAMS", "CONNECTIONS"})


class Answers:
    """Answers for one server.

    holdings, journal  what there is to tell of
    sessions           the connections there are
    threads            where documents are written
    """

    def __init__(self, holdings: Holdings, journal: Journal, sessions: Iterable[Session], threads: Executor) -> None:
        self._holdings, self._journal, self._sessions, self._threads = holdings, journal, sessions, threads
        self._turn = asyncio.Lock()
        self._waiting_bytes = 0

    async def give(self, session: Session, wanted: InfoWanted | CatalogueWanted, knowledge: Knowledge) -> None:
        """Answer one question.

        knowledge  of the server itself
        """
        if isinstance(wanted, InfoWanted) and wanted.level not in _LONG:
            await session.send(_document(session.conversation.protocol, wanted, knowledge, time.time_ns()))
            return
        async with self._turn:
            began_s = time.monotonic()
            known = await self._known(session, wanted, knowledge)
            document = await asyncio.get_running_loop().run_in_executor(
                self._threads, _document, session.conversation.protocol, wanted, known, time.time_ns()
            )
            await asyncio.sleep(_REST * (time.monotonic() - began_s))
        if self._waiting_bytes + len(document) > _MOST_WAITING_BYTES:
            document = _document(session.conversation.protocol, InfoWanted(""), knowledge, time.time_ns())
        self._waiting_bytes += len(document)
        try:
            await session.send(document)
        finally:
            self._waiting_bytes -= len(document)

    async def _known(self, session: Session, wanted: InfoWanted | CatalogueWanted, knowledge: Knowledge) -> Knowledge:
        """What may be told to the reader of a session."""
        if isinstance(wanted, InfoWanted) and wanted.level == "CONNECTIONS":
            # Who else reads what is nobody's business.
            own = [
                each.described()
                for each in self._sessions
                if each is session or (session.reader and each.reader == session.reader)
            ]
            return replace(knowledge, connections=own)
        first = self._journal.first
        stations: list[StationHeld] = []
        for number, station_id in enumerate(self._holdings.station_ids(), start=1):
            if session.permit.allows(station_id):
                held = self._holdings.station(station_id, first)
                if held is not None:
                    stations.append(held)
            if number % _STATIONS_AT_ONCE == 0:
                await asyncio.sleep(0)
        return replace(knowledge, stations=stations)


def _document(protocol: int, wanted: InfoWanted | CatalogueWanted, knowledge: Knowledge, now_ns: int) -> bytes:
    if isinstance(wanted, CatalogueWanted):
        return catalogue_v3(knowledge.stations)
    return info_v4(wanted, knowledge) if protocol == 4 else info_v3(wanted, knowledge, now_ns)
