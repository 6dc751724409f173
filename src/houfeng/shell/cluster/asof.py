"""The instant whose stations make the network: told once by intake, kept at the broker, taken by all roles."""

from nats.aio.client import Client

from houfeng.shell.cluster.broker import Say, Waits
from houfeng.shell.cluster.fields import VERSION, Fields, i64, u8
from houfeng.shell.cluster.log import LogWriter, await_log, last_entry, make_log
from houfeng.shell.cluster.shard import PREFIX

STREAM = f"{PREFIX.upper()}-ASOF"
SUBJECT = f"{PREFIX}.asof"

#: One message of 9 bytes is all that is ever kept.
_MOST_BYTES = 2**20


async def keep_asof(client: Client, time_ns: int, say: Say) -> None:
    """Keep an instant, unless one is kept already."""
    await make_log(client, STREAM, [SUBJECT], _MOST_BYTES, say)
    if await last_entry(client, STREAM, SUBJECT, say) is None:
        writer = LogWriter(client, STREAM, say)
        await writer.open()
        await writer.append([(SUBJECT, u8(VERSION) + i64(time_ns))])
        await writer.close()


async def await_asof(client: Client, say: Say) -> int:
    """The instant, once intake has told it."""
    await await_log(client, STREAM, "intake", say)
    waits = Waits(say)
    while True:
        entry = await last_entry(client, STREAM, SUBJECT, say)
        if entry is not None:
            return Fields(entry.content, SUBJECT).i64()
        await waits.wait("nothing has come in yet; waiting for intake")
