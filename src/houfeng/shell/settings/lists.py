"""The tables of which there may be several, each with a kind and a name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, get_args

from pydantic import BaseModel

from houfeng.shell.settings.feeds import Feed
from houfeng.shell.settings.outlets import Outlet

#: What each list is of.
LISTS: Mapping[str, Any] = MappingProxyType({"feeds": Feed, "outlets": Outlet})


def kinds_of(part: str) -> dict[str, type[BaseModel]]:
    """The model of every kind that a list has."""
    union, _ = get_args(LISTS[part])
    return {get_args(model.model_fields["kind"].annotation)[0]: model for model in get_args(union)}
