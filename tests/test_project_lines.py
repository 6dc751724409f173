"""The tables of stages agree with the stages."""

import collections.abc
import dataclasses
import importlib
import inspect
import types
from operator import attrgetter
from typing import get_args, get_origin, get_type_hints

import pytest

from houfeng.guard.line import LINE as GUARD_LINE
from houfeng.quake.line import LINE


def _door(stage):
    module, name = stage.door.split(":")
    return attrgetter(name)(importlib.import_module(module))


def _verbs(door):
    return [door.handle, door.elapse] if inspect.isclass(door) else [door]


def _words(hint):
    """Words named by a hint as (said, heard): its own, and those its callables are handed instead."""
    if get_origin(hint) is collections.abc.Callable:
        *handed, returned = get_args(hint)
        handed = handed[0] if handed and isinstance(handed[0], list) else handed
        said, heard = _words(returned)
        for part in handed:
            theirs, ours = _words(part)
            said, heard = said | ours, heard | theirs
        return said, heard
    if isinstance(hint, type) and not isinstance(hint, types.GenericAlias):
        return {hint.__name__}, set()
    said, heard = set(), set()
    for part in get_args(hint):
        part_said, part_heard = _words(part)
        said, heard = said | part_said, heard | part_heard
    return said, heard


def _opened(hint):
    """Words of a returned hint, with those in the fields of a record that wraps them."""
    said, _ = _words(hint)
    if dataclasses.is_dataclass(hint):
        for field in get_type_hints(hint).values():
            said = said | _words(field)[0]
    return said


def _taken_and_given(door):
    taken, given = set(), set()
    for verb in _verbs(door):
        hints = get_type_hints(verb)
        given |= _opened(hints.pop("return"))
        for hint in hints.values():
            said, heard = _words(hint)
            taken, given = taken | said, given | heard
    return taken, given


@pytest.mark.parametrize("stage", [*LINE, *GUARD_LINE], ids=lambda stage: stage.verb)
def test_a_stage_takes_and_gives_what_the_table_says(stage):
    taken, given = _taken_and_given(_door(stage))
    assert set(stage.takes) <= taken
    assert set(stage.gives) <= given


@pytest.mark.parametrize(
    ("line", "given"), [(LINE, {"PacketBatch"}), (GUARD_LINE, {"Packet", "Enrolment", "FrameBatch"})]
)
def test_every_stage_takes_what_an_earlier_one_gave(line, given):
    given = set(given)
    for stage in line:
        assert set(stage.takes) <= given, stage.verb
        given |= set(stage.gives)


def test_verbs_and_questions_are_told_once():
    both = [*LINE, *GUARD_LINE]
    assert len({stage.verb for stage in both}) == len({stage.question for stage in both}) == len(both)
    assert all(stage.question.endswith("?") for stage in both)


def test_the_table_would_notice_a_wrong_word():
    taken, given = _taken_and_given(_door(LINE[1]))
    assert "Origin" not in taken | given
