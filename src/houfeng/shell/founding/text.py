"""The settings file of a new centre, with comments that help."""

from collections.abc import Sequence

import tomli_w

from houfeng.shell.founding.answers import Answers

READERS = """\
# Who may read what from the SeedLink server, once centre.toml names this file. Until somebody stands here, nobody may.
#
# [open]
# stations = ["*"]  # what everybody may read, without a login
#
# [readers.anna]
# stations = ["GE.*", "!GE.WLF"]
# password = "$argon2id$..."  # its hash, never the password itself
"""

_FEEDS = """\
# Where packets come from: a [[feeds]] table for each feed. Other kinds, as examples:
#
# [[feeds]]
# name = "north"
# kind = "seedlink"                      # protocol 3 or 4, found out by itself
# address = "seedlink.example.org:18500"
# tls = true
# stations = ["GE.WLF", "NL.*"]          # leave out for all
# user = "centre"
# password_file = "keys/north.password"  # chmod 600
#
# [[feeds]]
# name = "ring"
# kind = "datalink"
# address = "127.0.0.1:16000"
#
# [[feeds]]
# name = "recordings"
# kind = "folder"
# path = "recordings"
"""


def settings_text(answers: Answers, inventory: Sequence[str], feed: dict[str, object] | None) -> bytes:
    """The text of centre.toml.

    inventory  station metadata, as named from the centre's folder
    feed       the table of the first feed, None for none
    """
    feeds = f"[[feeds]]\n{_toml(feed)}" if feed is not None else ""
    return f"""\
# The settings of a Houfeng centre. Relative paths are taken from this file's folder. Passwords and tokens never
# stand here: name the file or the environment variable that holds them. A change counts as soon as it is saved; one
# that will not do is said, and the old stays in force. Every key: docs/reference/settings.md.

[centre]
{_toml({"name": answers.name, "language": answers.language})}
[stations]
# Station metadata: StationXML, dataless SEED, RESP, SC3ML or station lists. Files, folders, globs.
{_toml({"inventory": list(inventory)})}\
# model = "model.csv"      # velocity model of the region; without one, iasp91
# domains = "domains.csv"  # columns station, domain: which stations can fail or lie together

{_FEEDS}
{feeds}
[journal]
folder = "journal"  # every record as it came
keep_gb = 10

[archive]
folder = "archive"  # the waveforms, an SDS tree

[catalogue]
url = "catalogue.sqlite"  # or postgresql://USER@HOST/DATABASE with a password_file

[seedlink]
listen = "127.0.0.1:18000"      # "" for off
tls_listen = "127.0.0.1:18500"  # "" for off
certificate = "certificate.pem"
key = "keys/tls.pem"
# readers = "readers.toml"  # who may read what; without it, whoever is on this machine reads everything
# beyond_loopback = true    # needed, with readers, when other machines are to connect

[keys]
folder = "keys"

[health]
listen = "127.0.0.1:8080"  # /health for people and watchdogs, /metrics for Prometheus

# [cluster]  # for houfeng run --role, on several machines: docs/how-to/cluster.md
# broker = "tls://broker.example.org:4222"
# credentials = "keys/broker"  # USER:PASSWORD on one line, chmod 600
# shards = 2

[log]
level = "info"
form = "lines"  # or "json"
""".encode()


def _toml(table: dict[str, object]) -> str:
    return tomli_w.dumps(table)
