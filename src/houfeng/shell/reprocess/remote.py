"""A share of the stations on whichever worker has it, begun anew on another when that one is lost."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from houfeng.shell.reprocess.address import workers_of
from houfeng.shell.reprocess.share import Job, LostShareError, Share
from houfeng.words.errors import HoufengError, WorldFault

if TYPE_CHECKING:
    from distributed import Client

#: How long an answer may be awaited before it is asked whether the worker is still there, s.
PATIENCE_S = 5.0

#: How often no worker at all may be found before that is said: a nanny has a new one up within seconds.
MOST_WITHOUT = 12

#: A share lost so often on the way to the same slice is the cause of it.
MOST_LOST = 3

#: Slices a share begun anew goes through at a time.
_CATCH_UP = 64


class RemoteShare:
    """What can be asked of a share: start() and finish(), so that many can be asked at once.

    address  the worker that should have it at first

    It may be lost with its worker at any time. Then it is begun anew, on a worker that Dask chooses, goes through the
    slices it had gone through, and answers as if nothing had happened.
    """

    def __init__(self, client: "Client", job: Job, keys: Sequence[str], address: str) -> None:
        self.times_lost = 0
        self._client = client
        self._what = (job, tuple(keys))
        self._passed: list[int] = []
        self._lost_here = self._without = 0
        self._actor: Any = None
        self._address = ""
        self._call: Any = None
        self._asked: tuple[Any, ...] = ()
        self._future: Any = self._begun(workers=[address], allow_other_workers=True)

    def start(self, what: str, *arguments: object) -> None:
        """Ask for the answer of a method of Share; nobody waits yet."""
        self._asked = (what, *arguments)
        self._call = None
        if self._actor is not None:
            with suppress(RuntimeError):  # Dask knows already that it is lost: finish() sees to it
                self._call = self._sent(*self._asked)

    def finish(self) -> Any:
        """The answer to what was asked last.

        Raises what the share raises, and WorldFault when the scheduler is lost or there is no worker left.
        """
        while True:
            try:
                if self._call is None:
                    self._ready()
                    self._call = self._sent(*self._asked)
                answer = self._awaited(self._call)
                break
            except HoufengError:
                raise
            except Exception as error:  # noqa: BLE001  whatever Dask raises when a worker dies, at whatever moment
                self._begin_anew(error)
        what, *arguments = self._asked
        if what == "advance":
            self._passed.extend(arguments[0])
            self._lost_here = 0
        return answer

    def go_back(self, passed: int) -> None:
        """Be where one was after so many slices."""
        del self._passed[passed:]
        self._future, self._actor = self._begun(), None

    def _begun(self, **where: object) -> Any:
        return self._client.submit(Share, *self._what, actor=True, key=f"houfeng-{uuid4()}", **where)

    def _begin_anew(self, error: Exception) -> None:
        self._check_scheduler()
        self.times_lost += 1
        self._lost_here += 1
        if self._lost_here > MOST_LOST:
            subject = f"the share of {', '.join(self._what[1][:3])} ..."
            raise WorldFault(subject, "took down every worker it was given", "see the logs of the workers") from error
        self._call = self._actor = None
        self._future = self._begun()

    def _ready(self) -> None:
        """Wait until there is a worker that has the share, and has gone through what it should have."""
        if self._actor is None:
            self._address = ""
            actor = self._awaited(self._future)
            for first in range(0, len(self._passed), _CATCH_UP):
                self._awaited(actor.ask(first, "advance", self._passed[first : first + _CATCH_UP], True))
            self._address = self._awaited(actor.ask(len(self._passed), "address"))
            self._actor = actor

    def _sent(self, what: str, *arguments: object) -> Any:
        return self._actor.ask(len(self._passed), what, *arguments)

    def _awaited(self, call: Any) -> Any:
        while True:
            try:
                answer = call.result(timeout=PATIENCE_S)
            except TimeoutError:
                if call.done():
                    raise  # the answer itself is that somebody could not be reached
                self._check_scheduler()
                self._check_worker()
            else:
                self._without = 0
                return answer

    def _check_worker(self) -> None:
        workers = workers_of(self._client)
        if workers:
            self._without = 0
            if self._address and self._address not in workers:
                raise LostShareError(f"worker {self._address} is gone")
            return
        self._without += 1
        if self._without > MOST_WITHOUT:
            raise WorldFault("--dask", "there is no worker left", "start some, and run it again")

    def _check_scheduler(self) -> None:
        if self._client.status != "running":
            raise WorldFault("--dask", "the connection to the scheduler was lost", "see to it, and run it again")
