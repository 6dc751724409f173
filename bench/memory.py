"""How much memory this process holds."""

from pathlib import Path


def memory_mb(kind: str) -> float:
    """Memory in MB.

    kind  "VmRSS", all of it now; "RssAnon", its own now, without files looked at; "VmHWM", the most there ever was
    """
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")) / 1024
