"""New files to fill in: a maker, a part, a vehicle or an app, with every fact that it could state as a comment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from renkei.aside import aside
from renkei.catalogue import Catalogue
from renkei.errors import InputError, OutputError, UnknownName
from renkei.facts import GROUPS, PART_KINDS, FactKey, keys_of
from renkei.flows.dbc_talk import talk_tables
from renkei.vocabulary import Signal, builtin
from renkei.vocabulary.vss_overlay import overlay_leaves

KINDS = ("battery", *PART_KINDS, "vehicle", "app", "maker")
"""What can be begun; `battery` is a battery module."""

_NAME = re.compile(r"[a-z0-9][\w.-]*", re.ASCII | re.IGNORECASE)


class Node(NamedTuple):
    """A node of a bus in a DBC file, whose messages a new part takes over."""

    dbc: Path
    name: str
    bus: str


def begin(
    kind: str, id_: str, folder: Path, catalogue: Catalogue, node: Node | None = None, overlay: Path | None = None
) -> list[Path]:
    """The files written below `folder`: `makers/MAKER/...`, with a maker.toml where the maker is not known yet.

    `node`: whose messages a part sends and waits for. `overlay`: a VSS overlay, whose signals an app then requires or
    the map of a vehicle lists. Raises UnknownName for another kind or node, InputError for an
    id that is none, OutputError where a file is there already.
    """
    if kind not in KINDS:
        raise UnknownName("kind", kind, KINDS, f"(one of {', '.join(KINDS)})")
    kind = "battery-module" if kind == "battery" else kind
    maker, name = checked_id(kind, id_)
    if kind == "app":
        home = folder / "apps"
        return write_all({home / f"{id_}.toml": _app(id_, _leaves(overlay)), home / f"{id_}.py": _APP_CODE})
    files: dict[Path, str] = {}
    home = folder / "makers" / maker
    if kind == "maker" or maker not in catalogue.makers:
        files[home / "maker.toml"] = _maker(maker)
    source = "datasheet" if files else next(iter(catalogue.maker(maker).sources), "datasheet")
    if kind == "vehicle":
        files[home / "vehicles" / f"{name}.toml"] = _vehicle(name, source, has_map=overlay is not None)
        if overlay:
            files[home / "maps" / f"{name}.toml"] = _map(name, source, _leaves(overlay))
    elif kind != "maker":
        talk = talk_tables(node.dbc, node.name, node.bus, source) if node else ""
        files[home / "parts" / f"{name}.toml"] = _part(kind, name, source, talk)
    return write_all(files)


def checked_id(kind: str, id_: str) -> tuple[str, str]:
    """Maker and name of an id; the name is empty for a maker, and for an app, which belongs to none."""
    maker, slash, name = id_.partition("/")
    expected = "MAKER" if kind == "maker" else "NAME" if kind == "app" else "MAKER/NAME"
    if bool(slash) != (expected == "MAKER/NAME") or not all(_NAME.fullmatch(p) for p in (maker, name) if p or slash):
        raise InputError(f"expected {expected} for a new {kind}, got '{id_}'")
    return maker, name


def write_all(files: Mapping[Path, str], *, replace: Path | None = None) -> list[Path]:
    """Write files that are not there yet, all or none; `replace` may be there."""
    for file in files:
        if file.exists() and file != replace:
            raise OutputError(f"{file} is there already; nothing was written")
    for file, text in files.items():
        with aside(file) as beside:
            file.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(text, encoding="utf-8")
    return list(files)


def _maker(maker: str) -> str:
    return f'''name = "{maker}"

# Where facts come from. Every fact names one or several of these; private documents may be named as well.

[sources.datasheet]
title = "Data sheet of the part, with its version"
where = "who holds it, or its address"
licence = "facts only"
'''


def _part(kind: str, name: str, source: str, talk: str) -> str:
    lines = [
        f'name = "{name}"',
        f'kind = "{kind}"',
        *_remark("Take the # from what is known, and put its value, its source and how well it is founded in."),
        *_remark(
            "What is left out is unknown, and unknown is never counted as fitting. docs/parts.md is the reference."
        ),
        *_remark(
            "confidence: maker, measured, recorded, published, reported, reverse-engineered, derived or disputed."
        ),
        "",
        "[facts]",
        *_facts(kind, source),
        "",
        *_remark("What the part asks of others, by their kind: min, max, one_of = [...], or stated = true."),
        *_remark("otherwise: break (a function of the host is lost or unsafe) or degrade (it works with less)."),
        "# [requires.vehicle]",
        f'# ac_charge_power_max = {{ max = 7.4, unit = "kW", otherwise = "degrade", source = ["{source}"] }}',
        "",
        *_remark(
            "Messages that it sends and waits for: BUS.IDENTIFIER, or BUS.MESSAGE with map = a map of this maker."
        ),
        talk
        or f"""# [messages.provides]
# "ev-can.0x1DB" = {{ cycle_ms = 10, checksum = "crc8-0x85", source = ["{source}"] }}
# [messages.requires]
# "ev-can.0x1D4" = {{ cycle_ms = 10, timeout_ms = 100, lost = "what then fails", source = ["{source}"] }}""",
    ]
    return "\n".join(lines) + "\n"


def _vehicle(name: str, source: str, *, has_map: bool) -> str:
    map_ = f'map = "{name}"' if has_map else '# map = "one"  '
    lines = [
        f'name = "{name}"',
        'years = "2026"',
        'powertrain = "electric"',
        f"{map_}                  # maps/NAME.toml of this maker; without it the car has facts and no signals",
        "",
        *_remark("What is fixed in the car, as attributes of VSS in the unit of VSS."),
        "[attributes]",
        f'# "Vehicle.Powertrain.Type" = {{ value = "ELECTRIC", source = ["{source}"] }}',
        "",
        *_remark("Its body. What is left out is unknown, and a simulation then names what it assumes."),
        "[facts]",
        *_facts("vehicle", source),
        "",
        *_remark("Places for parts: what is fitted, what the place offers, and what it asks of a part."),
        "[slots.battery]",
        'kind = "battery-pack"',
        '# fitted = "one-pack"            # a part of this maker, or MAKER/NAME',
        "",
        "[slots.battery.facts]",
        *_facts("slot", source),
        "",
        "[slots.battery.requires]",
        f'# voltage_max = {{ max = 408, unit = "V", source = ["{source}"] }}',
        f'# mass = {{ max = 315, unit = "kg", reason = "springs", source = ["{source}"] }}',
        "",
        "[slots.e-axle]",
        'kind = "e-axle"',
        '# fitted = "one-e-axle"',
    ]
    return "\n".join(lines) + "\n"


def _leaves(overlay: Path | None) -> list[Signal]:
    return sorted(overlay_leaves(overlay), key=lambda leaf: leaf.path) if overlay else []


def _map(name: str, source: str, leaves: Iterable[Signal]) -> str:
    """A map with a row to fill in for each leaf of an overlay; a vehicle names it with `map`."""
    lines = [
        *_remark(f"Signals of {name}, from a VSS overlay. Say of each where it stands on a bus, and take the # away."),
        "[buses.can]",
        'dbc = []                         # files in can/ of this maker, such as "car.dbc"',
        "",
        "[signals]",
    ]
    for leaf in leaves:
        unit = f', unit = "{leaf.unit}"' if leaf.unit else ""
        known = "" if leaf.path in builtin() else "  # not in the built-in vocabulary"
        lines.append(f'# "{leaf.path}" = {{ from = "can.MESSAGE.SIGNAL"{unit}, source = ["{source}"] }}{known}')
    return "\n".join(lines) + "\n"


def _needs(leaves: Iterable[Signal]) -> str:
    """Each leaf of an overlay as a signal that an app requires; what the built-in vocabulary lacks, as a remark."""
    lines = []
    for leaf in leaves:
        unit = f'unit = "{leaf.unit}"' if leaf.unit else ""
        known = leaf.path in builtin()
        line = f'"{leaf.path}" = {{ {unit} }}' if unit else f'"{leaf.path}" = {{}}'
        lines.append(line if known else f"# {line}  # not in the built-in vocabulary")
    return "\n".join(lines)


def _app(name: str, leaves: Sequence[Signal] = ()) -> str:
    needs = _needs(leaves) if leaves else '"Vehicle.Speed" = { unit = "km/h", rate_hz = 1 }'
    return f'''name = "{name}"
about = "What it does, in one sentence."
priority = 0                     # 0 to 9: who goes first where two apps set the same signal

# The signals without which it does nothing, those that it would use, and those that it sets.

[requires]
{needs}

[uses]
# "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current" = {{ unit = "percent" }}

[actuates]
# "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature" = {{ unit = "celsius" }}
'''


_APP_CODE = '''"""What the app does. Try it: renkei run NAME.toml --vehicle ID"""


def run(car, out, least_km_h=1.0):
    """Yields what it has to say of a car; parameters with a default are its options."""
    top_km_h = 0.0
    for reading in car.watch("Vehicle.Speed"):  # ends when the app is to end
        if reading.value is not None and reading.value >= least_km_h:
            top_km_h = max(top_km_h, reading.value)
    yield {"top_speed_km_h": round(top_km_h, 1)}
'''


def _facts(kind: str, source: str) -> Iterator[str]:
    """Every fact of a kind as a commented line, group by group, with its meaning."""
    group = ""
    for key in keys_of(kind):
        if key.group != group:
            group = key.group
            yield f"# {group} {GROUPS[group]}"
        unit = f', unit = "{key.unit}"' if key.unit else ""
        yield f"## {key.meaning}" + (f" One of {', '.join(key.choices)}." if key.choices else "")
        yield f'# {key.name} = {{ value = {_example(key)}{unit}, source = ["{source}"] }}'


def _example(key: FactKey) -> str:
    """A value that the key admits and that agrees with the others: lowest, nominal and highest of one quantity rise."""
    if key.type in ("number", "integer"):
        step = 3 if key.name.endswith(("_max", "_rating")) else 2 if key.name.endswith("_nominal") else 1
        step = {"A": 1000, "Ah": 1000, "kWh": 2}.get(key.unit or "", step)  # V x A are kW, V x Ah are kWh
        return str(step) if key.highest is None or step <= key.highest else "1"
    if key.columns:
        first, *others = key.columns
        points = "[0, 100]" if first == "soc" and key.type == "curve" else "[0.0, 1.0]"
        values = "[1.0, 3.0]" if key.name == "open_circuit_voltage" else "[0.0, 1.0]"
        return "{ " + ", ".join([f"{first} = {points}", *(f"{name} = {values}" for name in others)]) + " }"
    examples: dict[str, Callable[[], str]] = {
        "boolean": lambda: "true",
        "choice": lambda: f'"{key.choices[0]}"',
        "list": lambda: '["..."]',
    }
    return examples.get(key.type, lambda: '"..."')()


def _remark(text: str) -> list[str]:
    return [f"# {text}"]
