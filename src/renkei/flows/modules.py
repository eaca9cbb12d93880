"""Modules laid out in a host of the catalogue: for verdicts and for virtual cars alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from renkei.catalogue import Catalogue
from renkei.parts import Part, Slot
from renkei.rules.layout import Layout, Window, laid_out, window
from renkei.rules.pair import Shown


class LaidOut(NamedTuple):
    """`layout`: the layout, or in words why there is none. `inside`: the module that the host's own pack is made of."""

    layout: Layout | str
    host: Window
    inside: Part | None


def layout_in(
    catalogue: Catalogue, module: Part, slot: Slot | None, fitted: Part | None, partners: Iterable[Part],
    uses: Mapping[str, tuple[Shown, ...]],
) -> LaidOut:  # fmt: skip
    """A module in a slot; `uses`: those of `packs_in_use`, from which it is known what a string gives."""
    inside_id = fitted.made_of.get("battery-module") if fitted else None
    inside = catalogue.part(inside_id) if inside_id else None
    string_a = max((amps for amps, _ in strings_in_use(catalogue, module, uses)), default=None)
    host = window(slot, fitted, inside, partners, string_a)
    return LaidOut(laid_out(module, host), host, inside)


def packs_in_use(catalogue: Catalogue) -> Mapping[str, tuple[Shown, ...]]:
    """The cars that each pack is sold in, with the power of their drive, by id of the pack.

    In a hybrid the engine gives some of that power: it is no witness of what the pack gives.
    """
    found: dict[str, list[Shown]] = {}
    for vehicle in map(catalogue.vehicle, catalogue.vehicles):
        packs = [s.fitted for s in vehicle.slots.values() if s.kind == "battery-pack" and s.fitted]
        drives = [catalogue.part(s.fitted) for s in vehicle.slots.values() if s.kind == "e-axle" and s.fitted]
        powers = [drive.facts["power_peak"] for drive in drives if "power_peak" in drive.facts]
        if not powers or len(powers) < len(drives) or vehicle.powertrain != "electric":
            continue
        power_kw = sum(float(fact.value) for fact in powers)  # type: ignore[arg-type,misc]
        sources = tuple(dict.fromkeys(source for fact in powers for source in fact.source))
        for pack in packs:
            found.setdefault(pack, []).append(Shown(vehicle.id, power_kw, sources))
    return {pack: tuple(shown) for pack, shown in found.items()}


def strings_in_use(
    catalogue: Catalogue, module: Part, uses: Mapping[str, tuple[Shown, ...]]
) -> Iterator[tuple[float, Shown]]:
    """What one string of these modules is known to give, in A, in each car that it is sold in."""
    for pack_id, cars in uses.items():
        pack = catalogue.part(pack_id)
        volts, strings = pack.facts.get("voltage_nominal"), _strings_of(pack, module)
        if pack.made_of.get("battery-module") != module.id or volts is None or strings is None:
            continue
        for use in cars:
            yield use.power_kw * 1000 / float(volts.value) / strings, use  # type: ignore[arg-type]


def _strings_of(pack: Part, module: Part) -> float | None:
    """How many strings of modules a pack has."""
    if (stated := pack.facts.get("modules_parallel")) is not None:
        return float(stated.value)  # type: ignore[arg-type]
    own, inner = pack.facts.get("cells_parallel"), module.facts.get("cells_parallel")
    return float(own.value) / float(inner.value) if own and inner else None  # type: ignore[arg-type]


def inner(catalogue: Catalogue, e_axle: Part, kind: str) -> Part | None:
    """The inverter or motor that an e-axle is sold with, as far as it is known."""
    slot = next((s for s in e_axle.slots.values() if s.kind == kind), None)
    id_ = (slot.fitted if slot else None) or e_axle.made_of.get(kind)
    return catalogue.part(id_) if id_ else None
