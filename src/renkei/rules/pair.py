"""A part and the place that it would take: all that rules of parts may look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from renkei.facts import Fact, fact_key
from renkei.parts import Limit, Message, Part, Slot
from renkei.rules.layout import Layout

Ranges = tuple[tuple[int, int], ...]
"""Inclusive ranges of raw values."""


class Field(NamedTuple):
    """A field of a message as one side knows it; `signal` is its VSS path, None where it has none.

    `bits`: the places in the payload that it takes, most significant first, a byte and its bit as `8 * byte + bit`.
    `values`: what raw values stand for in VSS; `names`: in words of who described the message. `invalid`: raw values
    that say that there is no value.
    `when`: the bits of each multiplexer, and its raw values with which the field is there.
    """

    name: str
    bits: tuple[int, ...]
    signed: bool
    scale: float
    offset: float
    unit: str | None
    signal: str | None = None
    values: Mapping[int, object] = {}  # never changed
    names: Mapping[int, str] = {}
    invalid: Ranges = ()
    when: tuple[tuple[tuple[int, ...], Ranges], ...] = ()


class Line(NamedTuple):
    """A message as one side knows it; `fields` None: nobody has described its bits."""

    message: Message
    fields: tuple[Field, ...] | None = None

    @property
    def text(self) -> str:
        """`0x5BC PACK_ENERGY`."""
        id_, name = self.message.id, self.message.name
        number = "0x?" if id_ is None else f"0x{id_ & 0x1FFF_FFFF:03X}"
        return f"{number} {name}" if name else number


class Spoken(NamedTuple):
    """What one side sends, and what it waits for; both empty where nobody has entered it."""

    provides: tuple[Line, ...] = ()
    requires: tuple[Line, ...] = ()


SILENT = Spoken()


class Shown(NamedTuple):
    """A use in which a part is known to work: the maker fits it in `host`, whose drive has that power."""

    host: str
    power_kw: float
    source: tuple[str, ...]


class Driven(NamedTuple):
    """By simulation over one cycle, with the part and with what the maker fits; None: it cannot be computed.

    `range_km`, and `behind_m`: by how much the car fell short of the cycle.
    """

    cycle: str
    range_km: tuple[float | None, float | None]
    behind_m: tuple[float, float]
    assumed: tuple[str, ...] = ()
    why_not: str | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """`part` in `host`, a vehicle or a part. `slot`: the place, None where they meet at their terminals alone.

    `fitted`: what the maker puts there. `holder`: the part of the host that it goes into. `partners`: parts of the host
    that work together with it. `brought`: ids of those of them that the host is not sold with. `facts`: those of the
    host itself. `shown`: uses of the part elsewhere. `module`: the module of which `part` is a pack laid out for here,
    as `layout` says. `is_sold` says that part, or module, and host are sold together. `no_place`, `no_layout`: in
    words, why there is none. `host_powertrain`: of a vehicle.
    """

    part: Part
    host: str
    host_kind: str = "vehicle"
    slot: Slot | None = None
    fitted: Part | None = None
    holder: Part | None = None
    partners: tuple[Part, ...] = ()
    brought: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)
    said_by_part: Spoken = SILENT
    said_by_host: Spoken = SILENT
    shown: tuple[Shown, ...] = ()
    driven: Driven | None = None
    module: Part | None = None
    layout: Layout | None = None
    is_sold: bool = False
    no_place: str | None = None
    no_layout: str | None = None
    host_powertrain: str | None = None

    @property
    def is_battery(self) -> bool:
        return self.part.kind.startswith("battery")

    @property
    def packs(self) -> tuple[Part, ...]:
        """The pack that is judged, or that of the host."""
        return (self.part,) if self.is_battery else tuple(p for p in self.partners if p.kind == "battery-pack")

    @property
    def drives(self) -> tuple[Part, ...]:
        """E-axles and inverters that the pack feeds: those of the host, with the one that is judged."""
        drives = (*(() if self.is_battery else (self.part,)), *self.partners)
        return tuple(part for part in drives if part.kind in ("e-axle", "inverter"))

    @property
    def e_axles(self) -> tuple[Part, ...]:
        """All that draw power from the pack: e-axles, or an inverter where no e-axle is known."""
        return tuple(part for part in self.drives if part.kind == "e-axle") or self.drives

    @property
    def subject(self) -> str:
        """Id of what is judged: the part, or the module that it is made of."""
        return (self.module or self.part).id

    def limits(self) -> Iterator[tuple[Limit, str, Fact | None, str]]:
        """Each limit between the two, who sets it, the fact it is set on, and whose that is.

        One that the part sets on a kind that a vehicle must have and nobody knows is set on nothing.
        """
        part, slot = self.part, self.slot
        for limit in slot.requires if slot else ():
            yield limit, self.host, part.facts.get(limit.fact), part.id
        others = (*self.partners, *((self.holder,) if self.holder else ()))
        for other in others:
            for limit in other.requires:
                if limit.of == part.kind:
                    yield limit, other.id, part.facts.get(limit.fact), part.id
        for limit in part.requires:
            addressed = [other for other in others if other.kind == limit.of]
            if limit.of == "slot" and slot:
                yield limit, part.id, slot.facts.get(limit.fact), self.host
            elif limit.of == self.host_kind:
                yield limit, part.id, self.facts.get(limit.fact), self.host
            elif not addressed and slot and (self.host_kind == "vehicle" or limit.of != "battery-pack"):
                yield limit, part.id, None, f"the {limit.of} of {self.host}"
            for other in addressed if limit.of != self.host_kind else ():
                yield limit, part.id, other.facts.get(limit.fact), other.id

    def of_host(self, key: str) -> tuple[Fact, str] | None:
        """What the host states of a key, and who says so: its slot, the part that its maker fits there, or itself.

        The host as a whole speaks for identity, trust and approval alone: its other facts are those of other parts.
        """
        if self.slot and key in self.slot.facts:
            return self.slot.facts[key], self.host
        if self.fitted and key in self.fitted.facts:
            return self.fitted.facts[key], self.fitted.id
        whole = key in self.facts and (fact_key(key).group in ("A", "I") or key == "security")
        return (self.facts[key], self.host) if whole else None
