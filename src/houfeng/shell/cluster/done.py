"""How far associate has come: the one thing the others must know of it, kept at the broker."""

from dataclasses import dataclass

from nats.aio.client import Client

from houfeng.shell.cluster.broker import Say
from houfeng.shell.cluster.fields import VERSION, Fields, i64, u8
from houfeng.shell.cluster.log import last_entry, make_log
from houfeng.shell.cluster.shard import DONE_STREAM, DONE_SUBJECT

#: One message of 9 bytes is all that is kept; there is room for those not cut off yet.
_MOST_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Done:
    """Everything associate makes of the slices up to the one that began at now_ns is kept."""

    now_ns: int


async def make_done(client: Client, say: Say) -> None:
    """See to it that there is a place to keep it."""
    await make_log(client, DONE_STREAM, [DONE_SUBJECT], _MOST_BYTES, say)


async def last_done(client: Client, say: Say) -> Done | None:
    """How far associate has come; None when it has not begun."""
    entry = await last_entry(client, DONE_STREAM, DONE_SUBJECT, say)
    return None if entry is None else decode_done(entry.content)


def encode_done(done: Done) -> bytes:
    """As bytes."""
    return u8(VERSION) + i64(done.now_ns)


def decode_done(data: bytes) -> Done:
    """From bytes. Raises DataFault when they are damaged."""
    return Done(Fields(data, DONE_SUBJECT).i64())
