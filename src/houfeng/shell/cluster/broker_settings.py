"""The broker, as the settings of a centre name it."""

from houfeng.shell.cluster.broker import Broker
from houfeng.shell.cluster.shard import Shard
from houfeng.shell.settings.settings import ClusterSettings
from houfeng.words.errors import WorldFault

_GB = 10**9


def broker_of(told: ClusterSettings) -> Broker:
    """Where the broker is, and how to get in.

    Raises WorldFault when the settings name none, or one that is not protected.
    """
    if told.broker is None:
        raise WorldFault("cluster.broker", "is not set", 'write broker = "nats://HOST:PORT" into [cluster]')
    return Broker(told.broker, told.ca_file, told.credentials, told.unprotected)


def check_shard(told: ClusterSettings, shard: Shard) -> None:
    """Raises WorldFault for a share of another number than the settings say: it would hear nothing."""
    if shard.count != told.shards:
        reason = f"{shard} is no share of {told.shards}, which [cluster] says there are"
        raise WorldFault("--shard", reason, "change one of them")


def room_bytes(gigabytes: float) -> int:
    """Room at the broker."""
    return round(gigabytes * _GB)
