"""Scopes as KUKSA writes them, `action` or `action:path`, and what they allow.

Source: eclipse-kuksa/kuksa-databroker, documentation of its authorization: actions, subactions, paths.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, get_args

from renkei.errors import InputError, clipped
from renkei.vocabulary import fits

Action = Literal["read", "actuate", "provide:data", "provide:actuation", "create"]
ACTIONS: tuple[Action, ...] = get_args(Action)
_BOTH: dict[str, tuple[Action, ...]] = {"provide": ("provide:data", "provide:actuation")}
_SCOPE = re.compile(
    r"(read|actuate|provide:data|provide:actuation|provide|create)(?::((?:[A-Za-z]\w*|\*{1,2})(?:\.(?:\w+|\*{1,2}))*))?",
    re.ASCII,
)
"""A first level begins with a letter; others may be any legal name, also one of digits."""
_MOST_LEVELS = 40
_EVERYTHING = ("**",)
_LONGEST = 16 * 1024


class Rights:
    """What scopes allow. Paths are compared by whole levels and exact case; another action implies reading only.

    A path without wildcards covers all below it. `*` stands for one level and `**` for any number; a path with one of
    them covers only what it names.
    """

    def __init__(self, scopes: Iterable[tuple[Action, tuple[str, ...]]]) -> None:
        self._paths: dict[Action, list[tuple[str, ...]]] = {action: [] for action in ACTIONS}
        self._scopes = frozenset(scopes)
        for action, path in self._scopes:
            self._paths[action].append(path)
        self._known: dict[tuple[Action, str], bool] = {}

    def may(self, action: Action, path: str) -> bool:
        """Whether the action is allowed on a signal; ask for paths that exist only, for each answer is kept."""
        known = self._known.get((action, path))
        if known is None:
            levels = path.split(".")
            actions = ACTIONS if action == "read" else (action,)
            known = self._known[action, path] = any(_covers(p, levels) for a in actions for p in self._paths[a])
        return known

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rights) and self._scopes == other._scopes

    def __hash__(self) -> int:
        return hash(self._scopes)


def rights_of(scope: str) -> Rights:
    """Rights of scopes with blanks between them; raises InputError at the first that is none, so that none counts."""
    if len(scope) > _LONGEST:
        raise InputError(f"scope: expected at most {_LONGEST} characters, got {len(scope)}")
    return Rights(each for word in scope.split(" ") if word for each in _read(word))


def _read(word: str) -> list[tuple[Action, tuple[str, ...]]]:
    read = _SCOPE.fullmatch(word)
    if read is None:
        raise InputError(f"scope: expected ACTION or ACTION:PATH, such as read:Vehicle.Speed, got {clipped(word)}")
    action, path = read[1], read[2]
    levels = tuple(path.split(".")) if path else _EVERYTHING
    if len(levels) > _MOST_LEVELS:
        raise InputError(f"scope: expected at most {_MOST_LEVELS} levels, got {len(levels)}")
    return [(each, levels) for each in _BOTH.get(action, (action,))]  # type: ignore[misc]


def _covers(path: tuple[str, ...], levels: list[str]) -> bool:
    if "*" in path or "**" in path:
        return fits(levels, path)
    return tuple(levels[: len(path)]) == path


ALL, NOTHING = rights_of("read actuate provide create"), rights_of("")
