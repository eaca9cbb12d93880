"""Rules of groups G to K: what neither plug nor single message shows. Compared, and never proved."""

from __future__ import annotations

from collections.abc import Iterator

from renkei.rules.finding import Finding
from renkei.rules.held import alike, ground, same
from renkei.rules.pair import Pair
from renkei.rules.rule import rule


@rule(
    "G", "wake", "sleep", "close_sequence", "close_permission", "open_sequence", "close_time", "shutdown_time", "crash",
    "limp", "reset", "balancing", "balancing_condition",
)  # fmt: skip
def state_machine(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Waking, closing, charging, switching off and sleeping must follow one order on both sides.

    The first start is not the test, the second one is: published cases are a pack of 2024 in a car of 2013 whose first
    start works and whose later ones fail, and packs that fault after switching off because a handshake was skipped.
    Texts of both sides are compared; where they differ somebody must read them. A part that needs longer to switch off
    than the host leaves it is degraded.
    """
    yield from limits
    texts = ("wake", "sleep", "close_sequence", "close_permission", "open_sequence", "crash", "balancing_condition")
    yield from same(pair, "state-machine", texts, otherwise="unknown")


@rule(
    "H", "fault_codes", "fault_codes_foreign_host", "diagnostic_response", "diagnostic_protocol", "soh_data",
    "freeze_frames", "cell_voltages_readable",
)  # fmt: skip
def diagnostics(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """A workshop must be able to read the part in the host, and must know which codes mean nothing there.

    Codes that are known to stay with a foreign host are told, and degrade nothing by themselves: published lists exist
    for packs behind a CAN bridge.
    """
    yield from limits
    yield from same(pair, "diagnostics", ("diagnostic_protocol",), otherwise="unknown")
    codes = pair.part.facts.get("fault_codes_foreign_host")
    if codes is not None and not pair.is_sold:
        yield Finding("diagnostics", "ok", "fault_codes_foreign_host", None, codes.value, None,
                      "codes that may come in a foreign host and mean nothing there",
                      (ground(pair.part.id, "fault_codes_foreign_host", codes),))  # fmt: skip


@rule("I", "integrity_level", "safe_state", "reaction_time")
def safety(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Safety integrity, safe state and reaction time must be those that the host's safety case rests on.

    Statements are compared; no software proves them.
    """
    yield from limits
    yield from same(pair, "safety", ("integrity_level", "safe_state"), otherwise="unknown")


@rule("I", "un_38_3", "un_r100", "un_r10", "un_r155", "rxswin", "regions", "reapproval_owner")
def approval(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """An exchange must not end the approval of the car, and somebody must own a new one.

    A part that states a lack of an approval which the car has is told.
    """
    yield from limits
    for key in ("un_r100", "un_r10", "un_r155"):
        own, car = pair.part.facts.get(key), pair.facts.get(key)
        if own is not None and car is not None and car.value is True:
            said = "approved as the car is", "the car's approval does not cover it"
            yield alike("approval", key, own.value is True, (car, pair.host), (own, pair.part.id), said, "degrade")


@rule(
    "J", "age_inputs", "warranty_counters", "warranty_years", "warranty_distance", "cycle_life", "end_of_life_capacity",
    "second_life", "history",
)  # fmt: skip
def life_cycle(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The part must be told of the car's life what it needs to know its own; warranty and second use must be settled.

    Inputs that the part needs and the host does not give make its state of health wrong.
    """
    yield from limits
    own, given = pair.part.facts.get("age_inputs"), pair.slot.facts.get("age_inputs") if pair.slot else None
    if own is not None and given is not None:
        lost = sorted(set(map(str, own.value)) - set(map(str, given.value)))  # type: ignore[arg-type]
        said = "it is told all that it needs", f"it is not told: {', '.join(lost)}"
        yield alike("life-cycle", "age_inputs", not lost, (own, pair.part.id), (given, pair.host), said, "degrade")
    second = pair.part.facts.get("second_life")
    if second is not None and not pair.is_sold and second.value == "forbidden":
        yield Finding("life-cycle", "degrade", "second_life", "allowed", second.value, None,
                      "its maker forbids another use", (ground(pair.part.id, "second_life", second),))  # fmt: skip


@rule("K", "data_origin", "documents", "synthetic")
def provenance(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """A verdict is worth what its facts are worth.

    Judged by the standards, which ask for documents or measurements; that most public facts are read out of converters
    is told with each fact. A part that nobody makes fits no car.
    """
    yield from limits
    synthetic = pair.part.facts.get("synthetic")
    if synthetic is not None and synthetic.value is True:
        yield Finding("provenance", "degrade", "synthetic", False, True, None, "nobody makes this part",
                      (ground(pair.part.id, "synthetic", synthetic),))  # fmt: skip
