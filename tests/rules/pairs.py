"""Synthetic parts, places and messages, pairs of them, and what a rule finds of a pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from renkei.facts import Claim, Fact, fact_key
from renkei.parts import Limit, Message, Part, Slot
from renkei.rules.finding import Finding
from renkei.rules.held import demanded, limits_on
from renkei.rules.layout import as_pack, laid_out, window
from renkei.rules.pair import Field, Line, Pair, Spoken
from renkei.rules.register import RULES

PART, HOST, OWN = "acme/part", "zeta/car", "zeta/own"


def fact(key: str, value, source=None, confidence="published", disputed=None, note=None) -> Fact:
    """A fact in the unit of its key; `disputed`: a value that another source states, and who is not believed."""
    claims = (Claim(disputed, ("doubted",)),) if disputed is not None else ()
    named = (source or f"on {key}",)
    return Fact(value, named, "disputed" if claims else confidence, fact_key(key).unit, note, claims)


def facts(stated: Mapping[str, object], source=None) -> dict[str, Fact]:
    return {key: v if isinstance(v, Fact) else fact(key, v, source) for key, v in stated.items()}


def part(kind="battery-pack", id_=PART, requires=(), source=None, **stated) -> Part:
    return Part(id_, kind, id_, id_.split("/")[0], Path("part.toml"), facts(stated, source), tuple(requires))


def place(kind="battery-pack", requires=(), **stated) -> Slot:
    return Slot("place", kind, None, facts(stated, "place"), tuple(requires))


def pair(subject: Part, slot: Slot | None = None, car: Mapping[str, object] | None = None, **more) -> Pair:
    """`car`: facts of the vehicle itself."""
    return Pair(subject, HOST, slot=slot, facts=facts(car or {}, "car"), **more)


def at_home(
    kind="battery-pack", here: Mapping[str, object] | None = None, there: Mapping[str, object] | None = None,
    car: Mapping[str, object] | None = None, fitted: Mapping[str, object] | None = None, **more,
) -> Pair:  # fmt: skip
    """A part with the facts `here` in a slot with those `there`, where the maker fits a part with those `fitted`."""
    own = part(kind, OWN, source="own", **fitted) if fitted is not None else None
    return pair(part(kind, **(here or {})), place(kind, **(there or {})), car, fitted=own, **more)


def laid(module: Part, fitted: Part, slot: Slot | None = None, partners=(), inside: Part | None = None) -> Pair:
    """A module as the pack that it makes in place of the fitted one, which is made of the modules `inside`."""
    slot = slot or place()
    host = window(slot, fitted, inside, partners, None)
    found = laid_out(module, host)
    if isinstance(found, str):
        bare = replace(module, kind="battery-pack", facts={}, requires=())
        return pair(bare, slot, fitted=fitted, partners=tuple(partners), module=module, no_layout=found)
    return pair(as_pack(module, found, fitted, host), slot, fitted=fitted, partners=tuple(partners), module=module,
                layout=found)  # fmt: skip


def found(rule: str, given: Pair) -> tuple[Finding, ...]:
    """All that one rule finds."""
    chosen = RULES[rule]
    limits = (*limits_on(given, chosen.id, chosen.keys), *demanded(given, chosen.id, chosen.keys))
    return tuple(chosen.judge(given, limits))


def one(rule: str, given: Pair, about: str | None = None) -> Finding:
    """The only finding of a rule, or its only one about that."""
    (single,) = [f for f in found(rule, given) if about is None or f.about == about]
    return single


def levels(rule: str, given: Pair) -> list[tuple[str, str]]:
    return [(f.about, f.level) for f in found(rule, given)]


def level(rule: str, given: Pair, about: str | None = None) -> str | None:
    """The level of the only finding, None where a rule finds nothing."""
    several = [f.level for f in found(rule, given) if about is None or f.about == about]
    assert len(several) < 2, several
    return several[0] if several else None


def sources(finding: Finding) -> set[str]:
    return {source for ground in finding.facts for source in ground.source}


def limit(key: str, of: str, **how) -> Limit:
    return Limit(key, of, **{"source": (f"limit on {key}",), **how})


# --- messages --------------------------------------------------------------------------------------------------------


def message(id_=0x100, name="STATUS", map_=None, **said) -> Message:
    words = {
        "cycle_ms": None,
        "timeout_ms": None,
        "checksum": None,
        "counter": None,
        "otherwise": "break",
        "lost": None,
    }
    return Message("can", id_, name, map_, **(words | said), source=(f"says {name}",), confidence="recorded")


def line(*fields: Field, id_=0x100, name="STATUS", map_=None, **said) -> Line:
    return Line(message(id_, name, map_, **said), tuple(fields) or None)


def bits(first_byte: int, count: int = 8) -> tuple[int, ...]:
    """Whole bytes from `first_byte` on, most significant first."""
    return tuple(8 * (first_byte + n // 8) + 7 - n % 8 for n in range(count))


def field(name="CURRENT", at=0, count=8, **how) -> Field:
    words = {"signed": False, "scale": 1.0, "offset": 0.0, "unit": "A", "signal": f"Vehicle.{name.title()}"}
    return Field(name, bits(at, count), **(words | how))


def talk(waits: Line, sends: Line | None, kind="battery-pack", *, by_part=True, **more) -> Pair:
    """One side waits for a message and the other sends one; by default the part waits."""
    waiting = Spoken(requires=(waits,))
    other = line(id_=0x7FF, name="OTHER")
    sending = Spoken(provides=(other, sends) if sends else (other,))
    said = {"said_by_part": waiting, "said_by_host": sending} if by_part else \
        {"said_by_part": sending, "said_by_host": waiting}  # fmt: skip
    return pair(part(kind, protocol="ours"), place(kind), **said, **more)


def told(reads: Field, means: Field, rule: str, otherwise="break") -> list[tuple[str, str, object, object]]:
    """What a rule finds of one field as one side reads it and the other means it, in two files."""
    given = talk(line(reads, map_="zeta", otherwise=otherwise), line(means, map_="acme"))
    return [(f.about, f.level, f.required, f.provided) for f in found(rule, given)]
