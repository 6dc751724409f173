"""A client of NATS that lets no broker talk it out of encryption, nor onto another machine.

A broker says in the clear what it wants before anything is encrypted. nats-py believes that: told by whoever stands in
between that no encryption is needed, it would send the password as it is; told of other addresses, it would try those,
too. The hook used here is private to nats-py; tests/live/test_live_cluster_broker.py fails when it is gone.
"""

from typing import Any

from nats.aio.client import Client
from nats.errors import Error


class NotEncrypted(Error):
    """What answered offers no encryption."""

    def __str__(self) -> str:
        return "what answers there offers no TLS"


class GuardedClient(Client):
    """Talks to the addresses it was given and no others.

    encrypted  whether to say nothing before the line is encrypted
    """

    def __init__(self, *, encrypted: bool) -> None:
        super().__init__()
        self._encrypted = encrypted

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        if initial_connection and self._encrypted and not info.get("tls_required"):
            raise NotEncrypted
        told = {key: value for key, value in info.items() if key != "connect_urls"}
        await super()._process_info(told, initial_connection)
