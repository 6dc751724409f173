"""A tap: writes what passes an interface into a pcap file, with stamps in the site's time.

Usage: python bench/intruder_tap.py INTERFACE PLAN PCAP        prints "ready", and when its input ends how many frames
it wrote and how many the kernel dropped because it was too slow
"""

import selectors
import socket
import struct
import sys
from pathlib import Path

from intruder_site import Plan, read_plan

#: Linux, uapi: a packet socket's own options and the stamp in nanoseconds; the socket module names neither.
_SOL_PACKET, _PACKET_STATISTICS, _PACKET_ADD_MEMBERSHIP, _PACKET_MR_PROMISC = 263, 6, 1, 1
_SO_TIMESTAMPNS, _SO_RCVBUFFORCE = 35, 33
_ETH_P_ALL = 3

#: Room for a second of a busy site while this process waits for its turn.
_BUFFER_BYTES = 32 << 20

#: Frames as large as a kernel hands them out.
_LONGEST_BYTES = 1 << 17

_STAMP = struct.Struct("@qq")
_RECORD = struct.Struct("<IIII")

#: Nanosecond pcap, version 2.4, Ethernet. Source: draft-ietf-opsawg-pcap, section 4.
_HEAD = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, _LONGEST_BYTES, 1)


def listen(interface: str) -> socket.socket:
    """A socket that hears every frame of an interface."""
    heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    heard.bind((interface, 0))
    member = struct.pack("iHH8s", socket.if_nametoindex(interface), _PACKET_MR_PROMISC, 0, b"")
    heard.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, member)
    heard.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    try:
        heard.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
    except PermissionError:
        heard.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    heard.setblocking(False)
    return heard


def record(heard: socket.socket, plan: Plan) -> bytes | None:
    """The next frame as pcap has it, None when none waits."""
    try:
        frame, told, _, _ = heard.recvmsg(_LONGEST_BYTES, 64)
    except BlockingIOError:
        return None
    seconds, rest = _STAMP.unpack_from(next(data for _, kind, data in told if kind == _SO_TIMESTAMPNS))
    second, fraction = divmod(plan.site_ns(seconds * 10**9 + rest), 10**9)
    return _RECORD.pack(second, fraction, len(frame), len(frame)) + frame


def main() -> None:
    """Tap until the input ends."""
    interface, plan, path = sys.argv[1], read_plan(Path(sys.argv[2])), Path(sys.argv[3])
    written = 0
    with listen(interface) as heard, path.open("wb") as out, selectors.DefaultSelector() as ready:
        out.write(_HEAD)
        ready.register(heard, selectors.EVENT_READ)
        ready.register(sys.stdin, selectors.EVENT_READ)
        print("ready", flush=True)
        going = True
        while going:
            going = sys.stdin not in [key.fileobj for key, _ in ready.select()]
            while (frame := record(heard, plan)) is not None:
                out.write(frame)
                written += 1
        _, dropped = struct.unpack("II", heard.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
    print(written, dropped, flush=True)


if __name__ == "__main__":
    main()
