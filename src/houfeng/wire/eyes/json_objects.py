"""JSON lines from outside: whatever they hold, an object comes out or a reason why not."""

import json
from collections import Counter
from typing import Any, Final

from houfeng.wire.eyes.log_values import LineFault, shown

#: Repeated keys that are named; more only lengthen the sentence.
_NAMED: Final = 3


class JsonObjects:
    """Reads objects, one at a time.

    Where an object names a key more than once the last value counts, as with most readers (RFC 8259, section 4, leaves
    it open), and doubtful says so.
    """

    def __init__(self) -> None:
        self._repeated: list[str] = []
        self._decoder = json.JSONDecoder(object_pairs_hook=self._object)

    def read(self, line: bytes) -> dict[str, Any]:
        """The object on a line. Raises LineFault for anything else, nothing worse."""
        self._repeated = []
        try:
            found = self._decoder.decode(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise LineFault(f"byte {error.start + 1} is not UTF-8") from error
        except json.JSONDecodeError as error:
            raise LineFault(f"no JSON at character {error.pos + 1}: {error.msg}") from error
        except RecursionError as error:
            raise LineFault("it nests too deep") from error
        except ValueError as error:  # an integer of more than 4,300 digits
            raise LineFault("it holds a number that is far too long") from error
        if not isinstance(found, dict):
            raise LineFault(f"a JSON object was expected, not {shown(line[:60])}")
        return found

    @property
    def doubtful(self) -> str:
        """What is ambiguous about the object read last, "" for nothing."""
        named = ", ".join(shown(key) for key in self._repeated[:_NAMED])
        return named and f"it names {named} more than once"

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs) and len(self._repeated) < _NAMED:
            times = Counter(key for key, _ in pairs)
            self._repeated += [key for key, named in times.items() if named > 1][:_NAMED]
        return found
