"""Records on their way to readers: from the journal, from memory, and as they are published. Standard library only."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor

from houfeng.shell.journal.journal import Journal
from houfeng.shell.seedlink.audience import Audience, Audiences, Choice
from houfeng.shell.seedlink.holdings import Holdings
from houfeng.shell.seedlink.parcels import Parcel, Tail, piece_of
from houfeng.shell.seedlink.readers import Permit
from houfeng.wire.seedlink.requests import Subscription
from houfeng.words.packet import Packet

#: Most parcels sent to those who follow closely before others have their turn.
_SLICE = 256

#: Most parcels read at once for a reader that is behind, and how many such readers the disk serves at a time.
_PIECE = 128
DISK_READERS = 4


class Distribution:
    """The records of a journal, and who follows them.

    threads  where the disk is read

    edge is the number up to which records were sent to those who follow closely. Only survey() works before it ended.
    """

    def __init__(self, journal: Journal, threads: Executor) -> None:
        self._journal, self._threads = journal, threads
        self.holdings = Holdings()
        self._audiences = Audiences(self.holdings)
        self._tail = Tail(0)
        self._next = self.edge = 0
        self._surveyed = False
        self._published, self._moved = asyncio.Event(), asyncio.Event()
        self._disk_turn = asyncio.Semaphore(DISK_READERS)

    async def survey(self) -> None:
        """Read the journal once, to know what it holds."""
        loop = asyncio.get_running_loop()
        self._next = await loop.run_in_executor(self._threads, self._survey, self._journal.first)
        # What was published meanwhile is in the journal too.
        self._next = self._survey(self._next)
        self.edge = self._tail.first = self._next
        self._surveyed = True

    def take(self, sequences: range, packets: Sequence[Packet]) -> None:
        """Packets were published: see SeedlinkServer.published()."""
        if not self._surveyed:
            return  # the survey finds them in the journal
        parcels = []
        before = len(self.holdings)
        for sequence, packet in zip(sequences, packets, strict=True):
            if sequence >= self._next:
                parcel = self.holdings.take(sequence, packet)
                if parcel is not None:
                    parcels.append(parcel)
                    if len(self.holdings) > before:
                        before += 1
                        self._audiences.appear(parcel.stream)
        self._tail.extend(parcels)
        self._next = max(self._next, sequences.stop)
        self._published.set()

    def forget(self, first: int) -> None:
        """The ring has dropped all below a number."""
        self._audiences.forget(self.holdings.forget(first))

    def follow(self, subscription: Subscription, permit: Permit) -> Audience:
        """The audience of a subscription."""
        return self._audiences.join(subscription, permit)

    def unfollow(self, subscription: Subscription, permit: Permit) -> None:
        """One member of an audience less."""
        self._audiences.leave(subscription, permit)

    async def read(self, sequence: int, choice: Choice) -> tuple[list[Parcel], int]:
        """Some parcels from a number on, below the edge, and the number to go on from.

        choice  what they are for: what cannot lie in its time window is passed over
        """
        if sequence >= self._tail.first:
            parcels = [each for each in self._tail.take(sequence, _PIECE) if each.sequence < self.edge]
            return parcels, parcels[-1].sequence + 1 if parcels else self.edge
        edge = self._tail.first
        sequence = self.holdings.times.skip(sequence, edge, choice.covers)
        if sequence >= edge:
            return [], edge
        async with self._disk_turn:
            read = self._journal.read
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._threads, lambda: read(sequence, most=_PIECE))
            parcels = [
                parcel
                for number, packet in found
                if number < edge and (parcel := self.holdings.again(number, packet)) is not None
            ]
        piece = piece_of(parcels)
        if len(piece) < len(parcels):
            return piece, piece[-1].sequence + 1
        return parcels, min(found[-1][0] + 1, edge) if found else edge

    async def moved(self) -> None:
        """Wait until the edge has moved, or a second."""
        moved = self._moved
        try:
            await asyncio.wait_for(moved.wait(), 1.0)
        except TimeoutError:
            return

    def ended(self, choice: Choice) -> bool:
        """Whether every stream that a choice takes has reached the end of its time window."""
        ends = [
            self.holdings.end_ns(stream) >= (choice.requests[number].end_ns or 0)
            for stream in self.holdings.streams()
            if (number := choice.request_of(stream)) >= 0
        ]
        return bool(ends) and all(ends)

    async def fan_out(self) -> None:
        """Send what is published to those who follow closely, a slice at a time."""
        while True:
            await self._published.wait()
            self._published.clear()
            while self.edge < self._next:
                if self._tail.first > self.edge:
                    # Published faster than can be sent: everybody reads from the disk.
                    for listener in self._audiences.listeners():
                        listener.miss(self.edge)
                    self.edge = self._tail.first
                parcels = self._tail.take(self.edge, _SLICE)
                following = parcels[-1].sequence + 1 if parcels else self._next
                self._audiences.fan_out(parcels, following)
                self.edge = following
                moved, self._moved = self._moved, asyncio.Event()
                moved.set()
                await asyncio.sleep(0)

    def _survey(self, sequence: int) -> int:
        """Count in what the journal holds from a number on; gives the number after it."""
        while True:
            # Asked before reading, so that what another thread adds meanwhile is not taken for read.
            synced = self._journal.synced
            found = self._journal.read(sequence)
            if not found:
                return max(sequence, synced)
            for number, packet in found:
                self.holdings.take(number, packet)
            sequence = found[-1][0] + 1
