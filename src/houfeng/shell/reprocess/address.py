"""Where the workers are: a cluster of one's own on this machine, or a scheduler elsewhere that may be trusted."""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from houfeng.words.errors import WorldFault

if TYPE_CHECKING:
    from distributed import Client

#: Asks for workers on this machine, as many as it has cores, gone when the work is done.
LOCAL = "local"

#: How long a scheduler may take to answer, s.
CONNECT_S = 20


def check_address(address: str, *, plain_allowed: bool = False) -> None:
    """Refuse an address over which somebody else could send us what we then run.

    address  "local", tls://HOST:PORT, or tcp://HOST:PORT on this machine
    plain_allowed  whether tcp:// to another machine was asked for knowingly

    Dask's messages are Python pickles: whoever can send one runs code as us. So the way to the scheduler is either
    inside this machine, or both ends show certificates. Raises WorldFault saying which.
    """
    if address == LOCAL:
        return
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise WorldFault(f"--dask {address}", str(error), "give local, or tls://HOST:PORT") from error
    if parts.scheme not in ("tcp", "tls") or not host or not port:
        raise WorldFault(f"--dask {address}", "is no address of a scheduler", "give local, or tls://HOST:PORT")
    if parts.scheme == "tcp" and not plain_allowed and not _is_loopback(host):
        reason = "tcp:// to another machine lets anybody on the way run code here: Dask sends pickles"
        raise WorldFault(f"--dask {address}", reason, "set up TLS and give tls://HOST:PORT")


@contextmanager
def connected(address: str, *, workers: int | None = None, plain_allowed: bool = False) -> "Iterator[Client]":
    """A client of the cluster at an address, closed afterwards; and the cluster with it, when it is our own.

    workers  processes of a cluster of our own; None: as many as there are cores

    Certificates for tls:// come from Dask's own settings (distributed.comm.tls). Our own cluster makes itself some.
    Raises WorldFault when Dask is missing, the address is refused, or nobody answers.
    """
    check_address(address, plain_allowed=plain_allowed)
    distributed = _distributed()
    cluster: Any = None
    try:
        if address == LOCAL:
            cluster = distributed.LocalCluster(
                n_workers=workers or len(os.sched_getaffinity(0)),
                threads_per_worker=1,
                host="127.0.0.1",
                protocol="tls://",
                security=True,
                dashboard_address=None,
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # else a fixed port for what nobody asks
            )
        client = distributed.Client(cluster or address, timeout=CONNECT_S, direct_to_workers=True)
    except (OSError, ValueError, TypeError, RuntimeError) as error:  # TypeError: tls:// without certificates
        if cluster is not None:
            cluster.close()
        reason = " ".join(str(error).split()) or type(error).__name__
        raise WorldFault(f"--dask {address}", reason, "is the scheduler up, and are certificates set?") from error
    try:
        yield client
    finally:
        client.close()
        if cluster is not None:
            cluster.close()


def workers_of(client: "Client") -> list[str]:
    """The addresses of the workers there are, in order."""
    running: dict[str, int] = client.nthreads()  # type: ignore[no-untyped-call]  # Dask gives it no types
    return sorted(running)


def _distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        raise WorldFault("dask", "is not installed", "pip install 'houfeng[cluster]'") from error


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
