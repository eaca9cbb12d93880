"""Rules of group A: who the part is, and whether part and host come to know each other."""

from __future__ import annotations

from collections.abc import Iterator

from renkei.rules.finding import Finding, Level
from renkei.rules.held import ground, same
from renkei.rules.pair import Pair
from renkei.rules.rule import rule


@rule("A")
def place(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The host must have a place for a part of this kind.

    A car with an engine alone has none. Of another car that the catalogue gives none it is unknown whether there is
    one. Nothing more is judged then. A pack on an inverter or an e-axle is judged at their terminals alone, and needs
    no place.
    """
    yield from limits
    if pair.no_place:
        level: Level = "break" if pair.host_powertrain == "combustion" else "unknown"
        yield Finding("place", level, "place", pair.part.kind, None, None, pair.no_place)


@rule("A", "part_number", "chemistry", "cell_maker", "cell_model", "form", "used_in", "machine")
def identity(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The host must be able to tell which part it holds.

    Judged by the limits that either side states.
    """
    yield from limits


@rule("A", "full_power_part")
def known_rating(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The controller of the host must know the rating of the inverter, else it asks for less.

    The published case is an inverter of 160 kW that acts as one of 110 kW until a CAN bridge tells the controller what
    it is.
    """
    yield from limits


@rule("A", "pairing", "certificate", "passport_id")
def registration(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Part and host must be able to come to know each other.

    A part or host that must be registered, or that holds keys, does not start with another one until a tool has made
    them known to each other: the published case is P3102 until a dealer's tool has registered the pack. A part
    that needs no pairing starts anywhere.
    """
    yield from limits
    own, other = pair.part.facts.get("pairing"), pair.of_host("pairing")
    asked = [(fact, of) for fact, of in ((own, pair.part.id), other or (None, "")) if fact is not None]
    if not asked or any(f.about == "pairing" and f.bound != "stated" for f in limits):
        return
    schemes = {fact.value for fact, _ in asked}
    level: Level = "break" if "cryptographic" in schemes else "degrade" if "registered" in schemes else "ok"
    said = {
        "break": "it starts only with the other that holds its keys",
        "degrade": "a tool must make the two known to each other",
        "ok": "it starts in any host",
    }[level]
    if level == "ok" and own is None:
        level, said = "unknown", f"not stated by {pair.part.id}"
    if pair.is_sold:
        level, said = "ok", "sold together"
    yield Finding("registration", level, "pairing", other[0].value if other else None, own.value if own else None, None,
                  said, tuple(ground(of, "pairing", fact) for fact, of in asked))  # fmt: skip


@rule("A", "generation")
def generation(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Part and host of two generations work together only where a limit says so.

    Judged by the limits that part and slot state: in the oldest cars of one series, codes that mean nothing remain with
    every later pack, also behind a CAN bridge. That two generations differ is no finding: what differs in them has
    rules of its own.
    """
    yield from limits


@rule("A", "software_version", "hardware_version")
def software_version(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Versions of software and electronics must be among those that the other side takes.

    The published case is a power control unit that sets a fault with a module of another software, although every part
    is sound. Versions that differ, with no limit that names them, are unknown: they are known to work only as sold.
    """
    yield from limits
    yield from same(pair, "software-version", ("software_version", "hardware_version"), otherwise="unknown")


@rule("A", "vocabulary_version")
def vocabulary_version(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Part, vehicle and app must mean the same by a path.

    VSS 5.0 has the distance travelled in km and VSS 6.0 in m, under one path: a value is worth nothing without the
    version that it was said in. `renkei vss diff A B` names what differs between two versions.
    """
    yield from limits


@rule("A", "calibration_id")
def calibration(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The calibration of the part must be the one that the host asks for.

    Torque is only as right as the calibration of this very motor.
    """
    yield from limits
    yield from same(pair, "calibration", ("calibration_id",), otherwise="unknown")


@rule("A", "resolver_offset_coding")
def resolver(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """An inverter must know the angle of the motor's resolver.

    One that learns it needs nothing. Where a tool writes it, an inverter on another motor works with less until that is
    done. An inverter and a motor that come together as an e-axle bring their coding.
    """
    yield from limits
    fact, of = pair.part.facts.get("resolver_offset_coding"), pair.part.id
    if fact is None and pair.part.kind == "motor":
        inverter = next((p for p in pair.partners if p.kind == "inverter"), None)
        if inverter is not None:
            fact, of = inverter.facts.get("resolver_offset_coding"), inverter.id
    if pair.part.kind not in ("inverter", "motor") or limits:
        return
    if fact is None:
        yield Finding("resolver", "unknown", "resolver_offset_coding", None, None, None,
                      f"{of} does not state how it comes to know the angle")  # fmt: skip
        return
    coded = fact.value == "coded" and not pair.is_sold
    said = "the offset of this motor must be written into the inverter" if coded else "nothing is to be done"
    yield Finding("resolver", "degrade" if coded else "ok", "resolver_offset_coding", None, fact.value, None, said,
                  (ground(of, "resolver_offset_coding", fact),))  # fmt: skip


@rule("A", "motor_interface")
def motor_interface(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Inverter and motor must share flange and phase connection.

    The published case is an inverter of 110 or 160 kW that cannot be mounted on the motor of the car's first
    generation. Names of interfaces are compared.
    """
    yield from limits
    if pair.part.kind in ("inverter", "motor"):
        yield from same(pair, "motor-interface", ("motor_interface",), otherwise="break", needed=True)
