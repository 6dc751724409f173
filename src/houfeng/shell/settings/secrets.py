"""Secrets, taken from the files and environment variables that the settings name."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import SecretStr

from houfeng.shell.keys.files import read_secret
from houfeng.shell.settings.settings import CatalogueSettings
from houfeng.words.errors import DataFault, WorldFault


def secret_of(file: Path | None, variable: str | None, *, environment: Mapping[str, str]) -> SecretStr | None:
    """The password or token in a file or an environment variable; None when neither is named.

    file         readable to its owner alone (mode 0600 or 0400), the owner being us or root
    environment  as os.environ

    One line end behind it is taken off. Its text shows in no repr and in no fault.
    Raises WorldFault when it is missing or open to others, DataFault when it is empty or no line of text.
    """
    if variable is not None:
        if variable not in environment:
            raise WorldFault(f"${variable}", "is not set", "set it where Houfeng is started, or name a file instead")
        return _settled(environment[variable], f"${variable}")
    if file is None:
        return None
    try:
        return _settled(read_secret(file).decode("utf-8"), str(file))
    except UnicodeDecodeError:
        # Without the cause, which holds the bytes.
        raise DataFault(str(file), "holds no text", "put the secret into the file as UTF-8 text") from None


def catalogue_url(settings: CatalogueSettings, *, environment: Mapping[str, str]) -> str:
    """The database URL to open, with its password where one is named: not to be shown.

    Raises as secret_of.
    """
    secret = secret_of(settings.password_file, settings.password_env, environment=environment)
    if secret is None:
        return settings.url
    parts = urlsplit(settings.url)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        raise DataFault("catalogue.url", "names no user for the password", "write postgresql://USER@HOST/DATABASE")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(secret.get_secret_value(), safe='')}@{host}"))


def _settled(text: str, subject: str) -> SecretStr:
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret:
        raise DataFault(subject, "is empty", "put the secret there")
    if not secret.isprintable():
        raise DataFault(subject, "holds more than one line of text", "put nothing but the secret there")
    return SecretStr(secret)
