"""Settings that will not do, said so that one can mend them: file, key, what is wrong, what to do."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from houfeng.shell.settings.lists import LISTS, kinds_of
from houfeng.words.errors import DataFault

#: What a value of the wrong type should have been.
_WANTED = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list in [ ]",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "path_type": "a path in quotes",
    "is_instance_of": "an address in quotes",
}

#: Keys people write a secret under, and what to write instead.
_SECRETS = {"password": "password_file or password_env", "token": "token_file or token_env"}


def fault_of(error: ValidationError, whole: type[BaseModel], document: Mapping[str, Any], path: Path) -> DataFault:
    """The first thing wrong with a settings file, with the keys of whatever else is.

    whole     the model of the whole file
    document  the file as TOML has it, for the names of feeds and outlets; no value of it is shown
    """
    # Without the input: a value that will not do may be a secret in the wrong place.
    problems = error.errors(include_url=False, include_input=False)
    keys = [_key(problem["loc"], document) for problem in problems]
    reason, remedy = _said(problems[0], *_field(problems[0]["loc"], whole))
    others = [key for key in dict.fromkeys(keys[1:]) if key != keys[0]]
    if others:
        remedy = f"{remedy}; then see to {', '.join(others[:10])}"
    return DataFault(f"{path}: {keys[0]}" if keys[0] else str(path), reason, remedy)


def _said(problem: ErrorDetails, field: FieldInfo | None, siblings: Sequence[str]) -> tuple[str, str]:
    kind, context = problem["type"], problem.get("ctx", {})
    meant = f"meant is: {field.description}" if field is not None and field.description else "see the reference"
    if kind == "refused":
        return str(context["reason"]), str(context["remedy"])
    if kind == "extra_forbidden":
        return "is not known here", _instead(str(problem["loc"][-1]), siblings)
    if kind == "missing":
        return "is missing", f"add it: {meant}"
    if kind in {"union_tag_not_found", "union_tag_invalid"}:
        part = str(problem["loc"][0])
        return f"is none of the {part} without a kind that is known", f"set kind to one of {', '.join(kinds_of(part))}"
    if kind in _WANTED:
        return f"should be {_WANTED[kind]}", meant
    message = problem["msg"]
    return message[:1].lower() + message[1:], meant


def _instead(key: str, siblings: Sequence[str]) -> str:
    if key in _SECRETS:
        return f"secrets are not written here: use {_SECRETS[key]}"
    near = get_close_matches(key, siblings, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(siblings)}"


def _field(location: tuple[int | str, ...], whole: type[BaseModel]) -> tuple[FieldInfo | None, Sequence[str]]:
    """The field that a place in the document is, when known, and all keys that belong beside it."""
    names = [step for step in location if isinstance(step, str)]
    fields = whole.model_fields
    if names[0:1] and names[0] in LISTS and len(names) > 1:  # the list, its number, its kind, its key
        fields, names = kinds_of(names[0])[names[1]].model_fields, names[2:]
    elif len(names) > 1:
        section = fields[names[0]].annotation
        assert isinstance(section, type)
        assert issubclass(section, BaseModel)
        fields, names = section.model_fields, names[1:]
    return fields.get(names[0]) if names else None, list(fields)


def _key(location: tuple[int | str, ...], document: Mapping[str, Any]) -> str:
    """A place in the document as people say it: pace.slice_s, feeds.north.address."""
    part = location[0] if location else ""
    if part not in LISTS or len(location) < 2 or not isinstance(location[1], int):
        return ".".join(str(step) for step in location)
    table = document[str(part)][location[1]]
    name = table.get("name") if isinstance(table, dict) else None
    called = name if isinstance(name, str) and name.replace("-", "_").isidentifier() else f"number {location[1] + 1}"
    return ".".join([str(part), called, *(str(step) for step in location[3:])])
