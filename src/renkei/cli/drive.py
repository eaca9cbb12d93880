"""renkei drive, label and charge: virtual cars."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli import say
from renkei.cli.catalogue import lists
from renkei.errors import CannotTell, InputError, SimulationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from renkei.flows.assumed import Assumed
    from renkei.flows.drive import Driven
    from renkei.flows.virtual_car import VirtualCar

Vehicle = Annotated[str, typer.Argument(metavar="VEHICLE", help="The car; see 'renkei list vehicles'.")]
Battery = Annotated[str | None, typer.Option(metavar="PART", help="Another battery pack.")]
EAxle = Annotated[str | None, typer.Option("--e-axle", metavar="PART", help="Another e-axle.")]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Another number: a fact ('renkei list facts') such as test_mass=1700."
    ),
]
Soc = Annotated[float, typer.Option(metavar="SHARE", help="State of charge at the start, 0 to 1.")]
AmbientC = Annotated[float, typer.Option("--ambient-c", metavar="C", help="Temperature of air and battery, Celsius.")]


def add_to(app: typer.Typer) -> None:
    for command in (drive, label, charge):
        app.command()(command)


def drive(
    vehicle: Vehicle,
    cycle: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="A drive cycle, or a CSV file with time_s, speed_m_s.")
    ],
    soc: Soc = 1.0,
    ambient_c: AmbientC = 25.0,
    battery: Battery = None,
    e_axle: EAxle = None,
    set_: Changes = None,
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="Again and again until the battery is empty.")
    ] = False,
    years: Annotated[float, typer.Option(metavar="N", help="Age the battery by so many years of this drive.")] = 0.0,
    km_per_year: Annotated[
        float, typer.Option("--km-per-year", metavar="KM", help="Distance in each of them.")
    ] = 12000.0,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the trace to FILE.parquet or FILE.csv.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the trace: .svg, .png or .pdf.")] = None,
    data: say.Data = None,
    json: say.AsJson = False,
) -> None:
    """Drive a virtual car through a cycle: energy, range, losses, and which limits bind.

    What no source states is assumed, and every assumption is listed. A part that does not fit is driven anyway, and
    the limits that it violates are listed.

    Example: renkei drive nissan/leaf-ze1-40 --cycle udds --ambient-c 0
    """
    from renkei.flows.drive import drive_vehicle, read_cycle
    from renkei.flows.label import aged
    from renkei.flows.trace import writable
    from renkei.sim.columns import Conditions, possible

    writable(out, plot)
    _from_zero("--years", years, _LONGEST_YEARS)
    _from_zero("--km-per-year", km_per_year, _FARTHEST_KM)
    asked = read_cycle(cycle)
    conditions = Conditions(soc=soc, air_c=ambient_c)
    with _in_words_of_options():
        possible(conditions)
        built = _built(vehicle, battery, e_axle, set_, data)
        if years:
            left = aged(built, asked, conditions, years, km_per_year)
            conditions = conditions._replace(health=left.health, resistance_growth=left.resistance_growth)
        driven = drive_vehicle(built, asked, conditions, until_empty=until_empty, trace=bool(out or plot))
    if out or plot:
        from renkei.flows import trace

        if out:
            trace.write(driven, out)
        if plot:
            trace.plot(driven, plot)
    if json:
        aged_by = {"battery_health": conditions.health, "resistance_growth": conditions.resistance_growth}
        files = {"out": str(out) if out else None, "plot": str(plot) if plot else None}
        say.as_json(driven.as_json() | aged_by | files)
    else:
        _tell(driven)
        if years:
            print(f"  after {years:g} years: {conditions.health:.0%} of the capacity", end="")
            print(f", {conditions.resistance_growth:.0%} of the resistance of the new battery")
        _tell_assumed(driven.built.assumed)


@lists.command()
def cycles(json: say.AsJson = False) -> None:
    """List the drive cycles, with the authority that laid each down.

    Example: renkei list cycles
    """
    from renkei.flows.drive import cycles as carried

    if json:
        return say.as_json([cycle._asdict() for cycle in carried().values()])
    rows = [[c.cycle, c.name, f"{c.distance_km:.2f}", c.duration_s, c.authority] for c in carried().values()]
    say.table(["cycle", "name", "km", "s", "authority"], rows)


def label(
    vehicle: Vehicle,
    battery: Battery = None,
    e_axle: EAxle = None,
    set_: Changes = None,
    data: say.Data = None,
    json: say.AsJson = False,
) -> None:
    """Range and consumption as labels state them (EPA, WLTP, JC08), beside the published figures.

    Example: renkei label nissan/leaf-ze1-40
    """
    from renkei.catalogue import Catalogue
    from renkei.flows.label import as_json, labels

    found = labels(Catalogue(data or []), _built(vehicle, battery, e_axle, set_, data, also=("epa_factor",)))
    if json:
        return say.as_json(as_json(found))
    rows = []
    for f in found.figures:
        share = None if f.published is None else f"{f.simulated / f.published - 1:+.1%}"
        published = None if f.published is None else f"{f.published:.4g}"
        rows.append([f.label, f.what, f.unit, f"{f.simulated:.4g}", published, share, ", ".join(f.source)])
    say.table(["label", "figure", "unit", "simulated", "published", "difference", "source"], rows)
    for f in found.figures:
        if f.note:
            say.line(f"  {f.label} {f.what} as published: {f.note}")
    _tell_assumed(found.assumed)


def charge(
    vehicle: Vehicle,
    power_kw: Annotated[float, typer.Option("--power-kw", metavar="KW", help="Power that the charging point gives.")],
    ac: Annotated[bool, typer.Option("--ac/--dc", help="Through the car's charger, or direct current.")] = True,
    soc: Soc = 0.1,
    to: Annotated[float | None, typer.Option(metavar="SHARE", help="Charge to here; 1, or 0.8 with --dc.")] = None,
    ambient_c: AmbientC = 25.0,
    battery: Battery = None,
    set_: Changes = None,
    data: say.Data = None,
    json: say.AsJson = False,
) -> None:
    """Charge a virtual car: time, energy, taper, and what holds the power back.

    Example: renkei charge nissan/leaf-ze1-40 --power-kw 50 --dc
    """
    from renkei.flows.label import charge_vehicle, charging_assumptions
    from renkei.sim.columns import Conditions, possible

    if not 0 < power_kw < math.inf:
        raise InputError(f"--power-kw: expected a number above 0, got {power_kw:g}")
    target = to if to is not None else 1.0 if ac else 0.8
    conditions = Conditions(soc=soc, air_c=ambient_c)
    with _in_words_of_options():
        possible(conditions)
        built = _built(vehicle, battery, None, set_, data, also=() if ac else ("dc_charge_power_max",))
        done = charge_vehicle(built, power_kw * 1000, conditions, direct=not ac, to_soc=target)
    assumed = charging_assumptions(built, direct=not ac)
    if json:
        taper = {
            name: [round(float(v), 3) for v in column[::6]] for name, column in done.curve.items() if name != "limit"
        }
        figures = {k: v for k, v in done._asdict().items() if k not in ("curve", "limits")}
        limits = [{"limit": name, "time_s": s} for name, s in done.limits.items()]
        assumptions = [a._asdict() for a in assumed]
        return say.as_json(
            {"vehicle": built.vehicle.id, **figures, "limits": limits, "taper": taper, "assumptions": assumptions}
        )
    print(f"{built.vehicle.id}: {done.start_soc:.0%} to {done.end_soc:.0%} in {_duration(done.time_s)}")
    print(f"  {done.wall_wh / 1000:.2f} kWh from the wall, {done.dc_wh / 1000:.2f} kWh into the pack", end="")
    print(
        f", {done.stored_wh / 1000:.2f} kWh stored; up to {done.highest_power_w / 1000:.1f} kW, {done.highest_c:.1f} °C"
    )
    for name, seconds in done.limits.items():
        print(f"  held back by {name}: {_duration(seconds)}")
    _tell_assumed(assumed)


_LONGEST_YEARS, _FARTHEST_KM = 40, 500_000
_OPTION = {
    ("conditions", "soc"): "--soc",
    ("conditions", "air_c"): "--ambient-c",
    ("charge", "power_w"): "--power-kw",
    ("charge", "to_soc"): "--to",
}


@contextmanager
def _in_words_of_options() -> Iterator[None]:
    """What the simulation refuses of the conditions is told by the option that gave it."""
    from renkei.flows.assumed import percent

    try:
        yield
    except SimulationError as e:
        option = _OPTION.get((e.what, e.key))
        if option is None:
            raise
        expected, got = e.expected, str(e.got)
        if option in ("--soc", "--to") and expected.endswith("from 0 to 1"):
            got += percent(float(got))
        raise InputError(f"{option}: expected {expected}, got {got}") from None


def _from_zero(option: str, value: float, most: int) -> None:
    if not 0 <= value <= most:  # which NaN is not either
        raise InputError(f"{option}: expected a number from 0 to {most:,}, got {value:g}")


def _duration(seconds: float) -> str:
    """`45 s`, `22.8 minutes`, `12 h 11 min`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{seconds / 60:.1f} minutes" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60:02} min"


def _built(
    vehicle: str, battery: str | None, e_axle: str | None, changes: list[str] | None, data: list[Path] | None,
    also: Sequence[str] = (),
) -> VirtualCar:  # fmt: skip
    from renkei.catalogue import Catalogue
    from renkei.flows.virtual_car import virtual_car

    given: dict[str, str] = {}
    for text in changes or []:
        key, found, value = text.partition("=")
        if not (found and key and value):
            raise InputError(f"--set {text}: expected KEY=VALUE, for example test_mass=1700")
        if key in given:
            raise InputError(f"--set {key}: given twice, as {given[key]} and as {value}")
        given[key] = value
    catalogue = Catalogue(data or [])
    try:
        return virtual_car(catalogue, vehicle, battery=battery, e_axle=e_axle, changes=given, also=also)
    except CannotTell as e:
        if catalogue.vehicle(vehicle).powertrain != "combustion":
            raise
        why = str(e).removeprefix(f"{vehicle}: ")
        raise CannotTell(f"{vehicle}: a combustion car, and virtual cars are electric: {why}") from e


def _tell(driven: Driven) -> None:
    from renkei.flows.drive import losses

    m, one = driven.drive.measures, driven.drive
    range_km = f", range {m['range_km']:,.0f} km" if m["range_km"] == m["range_km"] else ""
    print(f"{driven.built.vehicle.id}, {driven.cycle.name}: {m['distance_km']:,.2f} km in {_duration(m['time_s'])}")
    if m["distance_km"] > 0:
        per_km = f"{m['wall_wh_per_km']:.1f} Wh/km from the wall, {m['dc_wh_per_km']:.1f} Wh/km from the battery"
        print(f"  {per_km}{range_km}")
    else:
        print("  it does not move; the limits below say what holds it")
    print(f"  regenerated {m['regenerated_wh']:,.0f} Wh of {m['discharged_wh']:,.0f} Wh; lost in Wh: ", end="")
    print(", ".join(f"{part.replace('_', ' ')} {wh:,.0f}" for part, wh in losses(one).items()))
    print(f"  {m['lowest_v']:.0f} to {m['highest_v']:.0f} V, up to {m['highest_discharge_a']:.0f} A out and ", end="")
    print(f"{m['highest_charge_a']:.0f} A in, up to {m['highest_c']:.1f} °C", end="")
    print(f", charge {m['start_soc']:.1%} to {max(0.0, m['end_soc']):.1%}")
    if m["behind_s"] > 0:
        print(f"  could not follow for {m['behind_s']:,.0f} s, first at {m['behind_at_s']:,.0f} s", end="")
        print(f"; {m['missed_m']:,.0f} m short")
    if one.ran_empty:
        print(f"  the battery ran empty after {m['time_s']:,.0f} s")
    for limit in sorted(one.limits, key=lambda limit: limit.first_s):
        print(f"  limit: {limit.limit}, {limit.time_s:,.0f} s, first at {limit.first_s:,.0f} s")
    for bad in driven.built.violated:
        got = "unknown" if not bad.known else bad.got
        print(f"  does not fit: {bad.fact}: expected {bad.limit}, got {got} ({bad.of}: {bad.follows})")


def _tell_assumed(assumed: Sequence[Assumed]) -> None:
    """Assumptions in one line each; tables by name alone."""
    print(f"  assumed, for want of a source ({len(assumed)}; reasons with --json):")
    for one in assumed:
        value = "a table" if isinstance(one.value, dict) else f"{one.value} {one.unit or ''}".strip()
        print(f"    {one.of}: {one.key} = {value}")
