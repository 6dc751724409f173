"""The certificates that a centre's settings name, watched so that none of them runs out unnoticed."""

from collections.abc import Callable
from pathlib import Path

from houfeng.shell.health.certificates import Certificates, watch_certificates
from houfeng.shell.health.metrics import Metrics
from houfeng.shell.settings.files import parts_of
from houfeng.shell.settings.settings import Settings
from houfeng.words.finding import Finding

#: Keys of files of certificates, and whether they are authorities to trust.
_KEYS = {"certificate": False, "ca": True, "ca_file": True}


def certificates_of(settings: Settings) -> tuple[Certificates, ...]:
    """The files of certificates that settings name: the chains that are shown, and the authorities that are trusted."""
    return tuple(
        Certificates(part, value, _KEYS[key])
        for part, section in parts_of(settings)
        for key, value in section
        if key in _KEYS and isinstance(value, Path)
    )


async def watch(
    settings: Callable[[], Settings], metrics: Metrics, *, tell: Callable[[Finding], None], clock: Callable[[], int]
) -> None:
    """Tell for ever which certificates are about to end; settings gives those of now. See watch_certificates."""
    await watch_certificates(lambda: certificates_of(settings()), metrics, tell=tell, clock=clock)
