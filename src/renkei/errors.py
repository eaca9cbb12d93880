"""What can go wrong, as one tree. Nothing here prints or exits; only `renkei.cli` turns an error into a line.

RenkeiError
├── InputError            what the user gave is wrong: exit 2
│   ├── UnknownName       no such vehicle, maker, signal, ...; carries the nearest known name
│   ├── NoMap             a car of the catalogue without a CAN map: it has facts, no frames
│   ├── CatalogueError    a catalogue file breaks its rules: file, key, expected, got
│   ├── VocabularyError   a VSS file cannot be read
│   ├── DbcError          a DBC file cannot be read at all
│   ├── LogError          a recording cannot be read
│   ├── ValueRefused      a value that its Signal does not admit
│   ├── Claimed           another one has the exclusive right to a signal
│   ├── NotActuator       a target for a sensor or an attribute
│   ├── NoCarrier         nobody carries out what an actuator is asked to do
│   ├── Held              a client with a higher priority holds the actuator
│   ├── TooLate           the deadline of an actuation has passed
│   ├── NotAuthenticated  no token, or one that does not hold
│   ├── NotPermitted      the token of who asks does not cover it
│   ├── Exhausted         a client asks for more than one client gets
│   ├── SimulationError   a cycle, part or car that physics does not admit: what, key, expected, got
│   ├── AppFailed         the code of an app is missing, or raised what it should not
│   ├── OutputError       the result cannot be written
│   ├── DoorError         a port in use, a server that refuses
│   │   ├── Unreachable   a server that does not answer, or has gone
│   │   └── CarClosed     a program asks a car that it has closed
└── CannotTell            the question is fair and the answer is not known: exit 3
"""

from __future__ import annotations

import difflib
import heapq
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike


class RenkeiError(Exception):
    """Any error that renkei raises on purpose; its text is one line fit for a user."""

    exit_code = 2


class InputError(RenkeiError):
    """What was given cannot be used."""


class CannotTell(RenkeiError):
    """The question is fair, and what is known does not answer it."""

    exit_code = 3


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a misspelt `name` most likely meant, or None when nothing is near.

    Case decides only between names that are alike without it.
    """
    by_lower: dict[str, list[str]] = {}
    for each in known:
        by_lower.setdefault(each.lower(), []).append(each)
    low = name[:_LONGEST_NAME].lower()
    close = _closest(low, by_lower)
    if close is None:
        by_tail = {each.rsplit("/", 1)[-1].rsplit(".", 1)[-1]: each for each in by_lower}
        tail = _closest(low, by_tail)
        close = None if tail is None else by_tail[tail]
    return None if close is None else min(by_lower[close], key=lambda k: _case_rank(name, k))


_LONGEST_NAME = 500
"""Looking for what is near takes time that grows with the length of both."""
_LEAST_ALIKE = 0.6
_MOST_COMPARED = 100
"""Names that are compared letter by letter; a server that does so holds everybody up."""


def _closest(name: str, known: Iterable[str]) -> str | None:
    """What `difflib.get_close_matches` finds first, but the letter counts decide which names are compared at all."""
    matcher = difflib.SequenceMatcher(b=name)  # it keeps what it learns of b
    counted = []
    for each in known:
        matcher.set_seq1(each)
        if (bound := matcher.quick_ratio()) >= _LEAST_ALIKE:
            counted.append((bound, each))
    best: tuple[float, str] | None = None
    for bound, each in heapq.nlargest(_MOST_COMPARED, counted):
        if best and bound < best[0]:
            break
        matcher.set_seq1(each)
        if (ratio := matcher.ratio()) >= _LEAST_ALIKE:
            best = max(best or (ratio, each), (ratio, each))
    return best[1] if best else None


def _case_rank(name: str, known: str) -> tuple[int, bool, str]:
    """Fewest letters of another case first; then what does not begin in lower case, as names of VSS do not."""
    return sum(a != b for a, b in zip(name, known, strict=False)), known[:1].islower(), known


def clipped(got: object, most: int = 60) -> str:
    """What was got, as it is written in Python, at most about that many characters of it."""
    try:
        text = repr(got)
    except (ValueError, RecursionError):  # a whole number of thousands of digits, or a very deep list
        return f"a {type(got).__name__} too large to be shown"
    return text if len(text) <= most else f"{text[: most - 4]}...{text[-1]}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}..."


class UnknownName(InputError):
    """`name` is no known `kind`; the message names the nearest one."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        self.kind, self.name, self.near = kind, name, nearest(name, known)
        text = f"unknown {kind} '{_shortened(name)}'"
        if self.near:
            text += f"; did you mean '{self.near}'?"
        super().__init__(text + (f" {hint}" if hint else ""))


class NoMap(InputError):
    """The catalogue has facts of this car and no CAN map: its frames are not known."""

    def __init__(self, vehicle: str) -> None:
        self.vehicle = vehicle
        super().__init__(f"{vehicle} has no CAN map in this catalogue: it can be driven as a virtual car, not decoded")


class CatalogueError(InputError):
    """A catalogue file breaks its rules at `key`; `others` are further mistakes that were found with this one."""

    others: tuple[CatalogueError, ...] = ()

    def __init__(
        self,
        file: str | PathLike[str],
        key: str,
        *,
        expected: str,
        got: object,
        near: str | None = None,
        most: int = 60,
    ) -> None:
        """`most`: how many characters of `got` are shown."""
        self.file, self.key, self.expected, self.got = str(file), _shortened(key), _shortened(expected), got
        self.what = f"expected {self.expected}, got {'nothing' if got is None else clipped(got, most)}" + (
            f"; did you mean '{near}'?" if near else ""
        )
        super().__init__(f"{file}: {self.key}: {self.what}")


class Mistakes:
    """Mistakes of catalogue files, gathered so that a reader learns of all of them and not of one after the other."""

    def __init__(self) -> None:
        self.found: list[CatalogueError] = []

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Keeps what is raised inside and goes on after it."""
        try:
            yield
        except CatalogueError as e:
            self.found += [e, *e.others]

    def tell(self) -> None:
        """Raise the first one, with the others in it, if there is any."""
        if self.found:
            first, *others = self.found
            first.others = tuple(others)
            raise first


class VocabularyError(InputError):
    """A VSS file cannot be read or contradicts itself."""


class DbcError(InputError):
    """A DBC file cannot be read at all."""


class LogError(InputError):
    """A recording cannot be read."""


class ValueRefused(InputError):
    """A value, or element `got` of one, that its Signal does not admit; `why` is 'type', 'range' or 'allowed'."""

    def __init__(self, path: str, why: str, *, expected: str, got: object) -> None:
        self.path, self.why, self.got = path, why, got
        super().__init__(f"{path}: expected {expected}, got {clipped(got)}")


class Claimed(InputError):
    """Another one has the exclusive right to the signal at `path`."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"{path} is claimed by another provider")


class NotActuator(InputError):
    """The signal at `path` is of another kind and takes no target."""

    def __init__(self, path: str, kind: str) -> None:
        self.path, self.kind = path, kind
        super().__init__(f"{path} is not an actuator but of kind {kind}")


class NoCarrier(InputError):
    """Nobody carries out what the actuator at `path` is asked to do."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"no provider carries out actuations of {path}")


class Held(InputError):
    """A client with a higher priority than that of the one who asks has set the actuator at `path` a moment ago."""

    def __init__(self, path: str, held_with: int, asked_with: int) -> None:
        self.path = path
        super().__init__(f"{path} is held by a client with priority {held_with}, asked with priority {asked_with}")


class TooLate(InputError):
    """The deadline of an actuation had passed when it was asked for."""


class NotAuthenticated(InputError):
    """Who asks has shown no token, or one that does not hold, or no longer."""


class NotPermitted(InputError):
    """Who asks is known, and the token does not cover this car, signal or priority."""


class Exhausted(InputError):
    """A client has had its share of streams or requests."""


class SimulationError(InputError):
    """A cycle, part or car that cannot be simulated, because of its `key`."""

    def __init__(self, what: str, key: str, *, expected: str, got: object) -> None:
        self.what, self.key, self.expected, self.got = what, key, expected, got
        super().__init__(f"{what}: {key}: expected {expected}, got {got}")


class AppFailed(InputError):
    """The code of an app cannot be loaded, or raised what is none of our errors."""


class OutputError(InputError):
    """The result cannot be written."""


class DoorError(InputError):
    """A port is taken, or a server does not answer."""


class Unreachable(DoorError):
    """A server does not answer, or has gone: it may come back."""


class CarClosed(DoorError):
    """The program has closed this car, or the one who runs it has: it is time to end."""

    def __init__(self) -> None:
        super().__init__("this car was closed")
