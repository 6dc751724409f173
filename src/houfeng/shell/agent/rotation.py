"""An agent's own keys: made at the station, and handed over from one to the next."""

from pathlib import Path

from houfeng.shell.agent.settings import AgentSettings
from houfeng.shell.keys.files import read_passphrase, write_private
from houfeng.shell.keys.keys import make_identity, public_of, read_identity
from houfeng.shell.keys.requests import Request, write_request
from houfeng.words.errors import WorldFault


def make_keys(settings: AgentSettings) -> tuple[bytes, Path]:
    """Make an agent's identity and a request to enrol it. Returns its public half and where the request lies.

    Raises WorldFault when there is an identity already, or the disk refuses.
    """
    keys = settings.keys
    key = make_identity(keys.identity, read_passphrase(keys.passphrase))
    public = public_of(key)
    request = _request_beside(keys.identity)
    write_request(request, Request(settings.stations, keys.place, public), key, None)
    return public, request


def rotate_keys(settings: AgentSettings) -> tuple[bytes, Path]:
    """Make a new identity that takes over from the present one, which is kept as [keys] previous.

    Returns the new public half and where the request lies, signed by both. From its next start the agent opens
    sessions with the new key and signs each opening with the old one too.
    Raises WorldFault when the settings name no place for the old key, or the disk refuses.
    """
    keys = settings.keys
    if keys.previous is None:
        raise WorldFault("keys.previous", "is missing", "write where the old key is to be kept")
    passphrase = read_passphrase(keys.passphrase)
    old = read_identity(keys.identity, passphrase)
    aside = keys.identity.with_name(f"{keys.identity.name}.new")
    aside.unlink(missing_ok=True)  # of a rotation that was cut short
    new = make_identity(aside, passphrase)
    wish = Request(settings.stations, keys.place, public_of(new), public_of(old))
    request = _request_beside(keys.identity)
    write_request(request, wish, new, old)
    write_private(keys.previous, old, passphrase, replace=True)
    try:
        aside.replace(keys.identity)  # at every moment before this the old key is the identity, after it the new one
    except OSError as error:
        raise WorldFault(str(keys.identity), f"cannot be replaced: {error.strerror}") from error
    return public_of(new), request


def _request_beside(identity: Path) -> Path:
    return identity.with_name("request.toml")
