"""Parts and their hosts as rules see them: read from the catalogue, laid out, simulated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property

from renkei.catalogue import Catalogue
from renkei.errors import InputError, RenkeiError
from renkei.facts import number
from renkei.flows.drive import drive_vehicle, read_cycle
from renkei.flows.modules import inner, layout_in, packs_in_use, strings_in_use
from renkei.flows.spoken import spoken
from renkei.flows.virtual_car import virtual_car
from renkei.parts import Part, Slot, Talk
from renkei.rules.layout import Layout, as_pack
from renkei.rules.pair import SILENT, Driven, Pair, Shown, Spoken
from renkei.sim.columns import Conditions
from renkei.vehicle import Vehicle

CYCLE = "wltc-3b"
"""The cycle over which a car is driven with a part and as sold: it has city, country and motorway."""

_BATTERIES = ("battery-pack", "battery-module")
_INSIDE = ("inverter", "motor")
SUBJECTS = (*_BATTERIES, "e-axle", *_INSIDE)


class DoNotMeet(InputError):
    """Two things of kinds of which one never goes into the other."""


class Pairs:
    """Makes pairs of a catalogue; what many of them share is computed once.

    `others`: parts that stand in the host instead of what its maker fits there, by kind.
    """

    def __init__(self, catalogue: Catalogue, others: Iterable[Part] = (), *, simulated: bool = True) -> None:
        self._catalogue = catalogue
        self._others = _by_kind(others)
        self._simulated = simulated
        self._said: dict[str, Spoken] = {}
        self._as_sold: dict[str, tuple[float | None, float]] = {}

    def in_vehicle(self, part: Part, vehicle: Vehicle) -> Pair:
        """A part in its place in a car. Raises InputError for a kind of part that no car has a place for."""
        self._judge_others(part)
        if part.kind in _INSIDE:
            return self._inside(part, vehicle)
        if part.kind not in SUBJECTS:
            raise DoNotMeet(f"{part.id}: expected a battery module or pack, an e-axle, an inverter or a motor, "
                             f"got a {part.kind}")  # fmt: skip
        kind = "battery-pack" if part.kind in _BATTERIES else part.kind
        slot = self._slot(vehicle, kind, part)
        if slot is None:
            lacks = f"the catalogue knows no place for a {kind} in {vehicle.id}"
            return Pair(part, vehicle.id, facts=vehicle.facts, no_place=lacks, host_powertrain=vehicle.powertrain)
        pair = Pair(
            part, vehicle.id, slot=slot, fitted=self._fitted(slot), facts=vehicle.facts,
            partners=tuple(self._partners(vehicle, slot)), brought=self._brought, said_by_part=self._of_part(part),
            said_by_host=self._of_slot(vehicle, slot.name, slot.messages),
        )  # fmt: skip
        pair = (
            self._laid_out(pair)
            if part.kind == "battery-module"
            else replace(pair, is_sold=slot.fitted == part.id and not self._others, shown=self._uses.get(part.id, ()))
        )
        if not pair.is_battery:
            packs = [p for p in pair.partners if p.kind == "battery-pack"]
            pair = replace(pair, shown=self._uses.get(packs[0].id, ()) if packs else ())
        return replace(pair, driven=self._driven(pair, vehicle))

    def in_part(self, part: Part, host: Part) -> Pair:
        """An inverter or motor in an e-axle, or a pack at the terminals of an inverter or e-axle."""
        self._judge_others(part)
        if part.kind in _INSIDE and host.kind == "e-axle":
            return self._in_e_axle(part, host, host.id, _swapped(self._of_part(host)), (), host.facts)
        if self._others:
            raise InputError(f"--with {self._brought[0]}: it has no place in {host.id} beside {part.id}")
        if part.kind == "battery-pack" and host.kind in ("inverter", "e-axle"):
            return Pair(part, host.id, host.kind, partners=(host,), facts=host.facts, shown=self._uses.get(part.id, ()))
        goes = "expected an inverter or a motor in an e-axle, or a battery pack on an inverter or an e-axle"
        raise DoNotMeet(f"{part.id} in {host.id}: a {part.kind} does not go into a {host.kind}; {goes}")

    def _judge_others(self, part: Part) -> None:
        """Raises InputError where something was brought for the very place that the part is to take."""
        kind = "battery-pack" if part.kind in _BATTERIES else part.kind
        if kind in self._others:
            raise InputError(f"--with {self._others[kind].id}: {part.id} is to stand there")

    @property
    def _brought(self) -> tuple[str, ...]:
        return tuple(part.id for part in self._others.values())

    def _inside(self, part: Part, vehicle: Vehicle) -> Pair:
        """An inverter or motor in the e-axle of a car."""
        slot = self._slot(vehicle, "e-axle", part)
        e_axle = self._standing(vehicle, slot) if slot else None
        if slot is None or e_axle is None:
            return Pair(part, vehicle.id, facts=vehicle.facts, no_place=f"no e-axle of {vehicle.id} is known",
                        host_powertrain=vehicle.powertrain)  # fmt: skip
        packs = tuple(self._partners(vehicle, slot))
        talk = self._of_slot(vehicle, slot.name, slot.messages)
        return self._in_e_axle(part, e_axle, vehicle.id, talk, packs, {**e_axle.facts, **vehicle.facts})

    def _in_e_axle(
        self, part: Part, e_axle: Part, host: str, talk: Spoken, packs: tuple[Part, ...], facts: Mapping[str, object]
    ) -> Pair:
        inside = {kind: found for kind in _INSIDE if (found := self._inner(e_axle, kind))}
        fitted = inside.get(part.kind)
        slot = next((s for s in e_axle.slots.values() if s.kind == part.kind), None)
        if slot is None and fitted is None:
            return Pair(part, host, facts=facts, no_place=f"{e_axle.id} states no {part.kind} of its own")  # type: ignore[arg-type]
        slot = slot or Slot(part.kind, part.kind, fitted.id if fitted else None, {}, ())
        others = tuple(other for kind, other in inside.items() if kind != part.kind)
        return Pair(
            part, host, "e-axle" if host == e_axle.id else "vehicle", slot=slot, fitted=fitted, holder=e_axle,
            partners=(*others, *packs), brought=self._brought, facts=facts,  # type: ignore[arg-type]
            said_by_part=self._of_part(part), said_by_host=talk,
            is_sold=fitted is not None and fitted.id == part.id and not self._others,
        )  # fmt: skip

    def _inner(self, e_axle: Part, kind: str) -> Part | None:
        """The inverter or motor of an e-axle, as far as it is known."""
        return self._others.get(kind) or inner(self._catalogue, e_axle, kind)

    def _slot(self, vehicle: Vehicle, kind: str, part: Part) -> Slot | None:
        """The place for a part of that kind; of two e-axles that which drives the same axle."""
        slots = [slot for slot in vehicle.slots.values() if slot.kind == kind]
        axle = part.facts.get("drives_axle")
        for slot in slots if axle and len(slots) > 1 else ():
            fitted = self._fitted(slot)
            if fitted and (own := fitted.facts.get("drives_axle")) and own.value == axle.value:  # type: ignore[union-attr]
                return slot
        return slots[0] if slots else None

    def _fitted(self, slot: Slot) -> Part | None:
        return self._catalogue.part(slot.fitted) if slot.fitted else None

    def _standing(self, vehicle: Vehicle, slot: Slot) -> Part | None:
        """What stands in a slot: a part that was brought for it, else what the maker fits there."""
        other = self._others.get(slot.kind)
        if other is not None and self._slot(vehicle, slot.kind, other) is slot:
            return other
        return self._fitted(slot)

    def _partners(self, vehicle: Vehicle, own: Slot) -> Iterator[Part]:
        """What a part in a slot works together with: e-axles and their inverters, and the pack."""
        for slot in vehicle.slots.values():
            if slot is own or (found := self._standing(vehicle, slot)) is None:
                continue
            if slot.kind == "battery-pack" and own.kind == "battery-pack":
                continue
            yield found
            if found.kind == "e-axle" and (inverter := self._inner(found, "inverter")):
                yield inverter

    def _of_part(self, part: Part) -> Spoken:
        if part.id not in self._said:
            self._said[part.id] = self._spoken(part.maker, part.messages)
        return self._said[part.id]

    def _of_slot(self, vehicle: Vehicle, name: str, talk: Talk) -> Spoken:
        key = f"{vehicle.id} {name}"
        if key not in self._said:
            self._said[key] = self._spoken(vehicle.maker.id, talk)
        return self._said[key]

    def _spoken(self, maker: str, talk: Talk) -> Spoken:
        return spoken(self._catalogue, maker, talk) if talk.provides or talk.requires else SILENT

    @cached_property
    def _uses(self) -> Mapping[str, tuple[Shown, ...]]:
        return packs_in_use(self._catalogue)

    def _laid_out(self, pair: Pair) -> Pair:
        """A module as the pack that it makes in this host."""
        module, fitted = pair.part, pair.fitted
        layout, host, inside = layout_in(self._catalogue, module, pair.slot, fitted, pair.partners, self._uses)
        sold = inside is not None and inside.id == module.id and not self._others and _as_many(layout, fitted)
        if isinstance(layout, str):
            return replace(pair, module=module, no_layout=layout, is_sold=sold, said_by_part=SILENT)
        kw_per_a = layout.parallel * layout.numbers["voltage_nominal_v"] / 1000
        strings = strings_in_use(self._catalogue, module, self._uses)
        return replace(
            pair, part=as_pack(module, layout, fitted, host), module=module, layout=layout, is_sold=sold,
            shown=tuple(use._replace(power_kw=round(amps * kw_per_a, 1)) for amps, use in strings),
            said_by_part=self._of_part(fitted) if fitted else SILENT,
        )  # fmt: skip

    def _driven(self, pair: Pair, vehicle: Vehicle) -> Driven | None:
        if not self._simulated or pair.is_sold or (pair.module and pair.layout is None):
            return None
        battery = (pair.module or pair.part).id if pair.is_battery else self._other("battery-pack")
        e_axle = self._other("e-axle") if pair.is_battery else pair.part.id
        try:
            sold_km, sold_behind = self._sold_run(vehicle)
            range_km, behind, assumed = self._run(vehicle, battery, e_axle)
        except RenkeiError as e:
            return Driven(CYCLE, (None, None), (0.0, 0.0), (), str(e))
        return Driven(CYCLE, (range_km, sold_km), (behind, sold_behind), assumed)

    def _other(self, kind: str) -> str | None:
        return self._others[kind].id if kind in self._others else None

    def _sold_run(self, vehicle: Vehicle) -> tuple[float | None, float]:
        if vehicle.id not in self._as_sold:
            range_km, behind, _ = self._run(vehicle, None, None)
            self._as_sold[vehicle.id] = range_km, behind
        return self._as_sold[vehicle.id]

    def _run(
        self, vehicle: Vehicle, battery: str | None, e_axle: str | None
    ) -> tuple[float | None, float, tuple[str, ...]]:
        built = virtual_car(self._catalogue, vehicle.id, battery=battery, e_axle=e_axle)
        measures = drive_vehicle(built, read_cycle(CYCLE), Conditions()).drive.measures
        range_km = measures["range_km"]
        assumed = tuple(f"{a.of}: {a.key}" for a in built.assumed)
        return None if range_km != range_km else range_km, measures["missed_m"], assumed


def _swapped(talk: Spoken) -> Spoken:
    """What an e-axle sends, its inverter must send; what it waits for, comes to its inverter."""
    return Spoken(talk.requires, talk.provides)


def _by_kind(others: Iterable[Part]) -> dict[str, Part]:
    """Parts that stand in a host instead of its own: one of a kind, and of kinds that have a place there."""
    found: dict[str, Part] = {}
    for part in others:
        if part.kind not in SUBJECTS or part.kind == "battery-module":
            raise InputError(f"--with {part.id}: a {part.kind} has no place of its own in a host")
        if part.kind in found:
            raise InputError(f"--with {part.id}: {found[part.kind].id} stands there already")
        found[part.kind] = part
    return found


def _as_many(layout: Layout | str, fitted: Part | None) -> bool:
    """Whether a layout has as many modules as the pack that is sold here, as far as both are known."""
    sold = number(fitted.facts, "modules") if fitted else None
    return isinstance(layout, str) or sold is None or layout.modules == sold
