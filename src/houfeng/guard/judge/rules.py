"""The rules: for every detector its technique, thresholds with their reasons, and its words in English and Chinese.

They are data beside this module, one table a family of detectors (rules/*.toml), so that an operator can read why
every number is what it is.
"""

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

LANGUAGES: Final = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Rule:
    """One detector's rule.

    detector    its name, kebab-case
    technique   ATT&CK technique (ICS or enterprise) it fits, "" when none does
    limits      thresholds by name, the unit at the end of the name
    why         the reason for each threshold, by the same names
    reason      what is said of a judgement, by language, with {subject}, {peer} and its facts to fill in
    refuted_by  what would show it to be harmless, by language
    """

    detector: str
    technique: str
    limits: Mapping[str, float]
    why: Mapping[str, str]
    reason: Mapping[str, str]
    refuted_by: Mapping[str, str]

    @property
    def facts(self) -> frozenset[str]:
        """The names its words need besides subject and peer."""
        named = (name for text in self.reason.values() for _, name, _, _ in string.Formatter().parse(text) if name)
        return frozenset(named) - {"subject", "peer"}


@cache
def rules_of(family: str) -> Mapping[str, Rule]:
    """The rules of a family, rules/<family>.toml, by detector."""
    text = (files("houfeng.guard.judge") / "rules" / f"{family}.toml").read_text(encoding="utf-8")
    return MappingProxyType({name: _rule(name, table) for name, table in tomllib.loads(text).items()})


@cache
def all_rules() -> Mapping[str, Rule]:
    """Every rule, by detector."""
    folder = files("houfeng.guard.judge") / "rules"
    families = sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return MappingProxyType({name: rule for family in families for name, rule in rules_of(family).items()})


def _rule(name: str, table: dict[str, object]) -> Rule:
    limits = _table(table, "limits")
    return Rule(
        detector=name,
        technique=str(table["technique"]),
        limits=MappingProxyType({key: float(str(_table(limits, key)["value"])) for key in limits}),
        why=MappingProxyType({key: str(_table(limits, key)["why"]) for key in limits}),
        reason=_words(table, "reason"),
        refuted_by=_words(table, "refuted_by"),
    )


def _table(table: Mapping[str, object], key: str) -> dict[str, object]:
    found = table.get(key, {})
    assert isinstance(found, dict)
    return found


def _words(table: Mapping[str, object], key: str) -> Mapping[str, str]:
    words = _table(table, key)
    return MappingProxyType({language: str(words[language]) for language in LANGUAGES})
