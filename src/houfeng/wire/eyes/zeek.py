"""Zeek's logs, tab-separated or as JSON lines, as observations."""

from houfeng.wire.eyes.log_reader import Form, LogReader
from houfeng.wire.eyes.log_values import LineFault, shown
from houfeng.wire.eyes.zeek_forms import JsonForm, TableForm
from houfeng.words.finding import Finding
from houfeng.words.network import Observation


def zeek_reader(name: str) -> LogReader[Observation]:
    """A reader of one Zeek log of any kind, in either form.

    name  of the file, for what is said of it

    conn gives Flows, dns Lookups, notice and weird Notices (of severity 4: Zeek has none), ssh and ftp Logins where
    the log tells how they went. Records of all other logs (http, ssl, dhcp, dnp3 ...) are counted and their times
    followed, no more. first_ns and last_ns are of ts, which in conn is when a connection started.

    Its read and end raise DataFault for what is no Zeek log: prose, rows without a header, a header without a field
    that cannot be done without. Source: Zeek's reference of these logs; LogAscii for the two forms.
    """

    def begin(first_line: bytes) -> Form[Observation]:
        if first_line.startswith(b"#"):
            return TableForm(name)
        if first_line.startswith(b"{"):
            return JsonForm(name)
        raise LineFault(f"neither a # header nor JSON, but {shown(first_line)}")

    return LogReader(name, "Zeek log", begin, _AsTold())


class _AsTold:
    """Every line of Zeek's stands for itself."""

    def handle(self, told: list[Observation | Finding]) -> list[Observation | Finding]:
        return told

    def end(self) -> list[Observation | Finding]:
        return []
