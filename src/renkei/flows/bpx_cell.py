"""A battery cell from a BPX file (Battery Parameter eXchange), the open format of cell models."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from renkei.catalogue import Catalogue
from renkei.catalogue.part_files import PartFile
from renkei.errors import CatalogueError, InputError, OutputError
from renkei.flows.new import checked_id, write_all
from renkei.toml_file import read_file

_POINTS = 21
"""Of the open-circuit voltage, evenly over the state of charge."""


def import_cell(file: Path, id_: str, folder: Path, licence: str, catalogue: Catalogue) -> list[Path]:
    """The cell's file and that of its maker, which names the BPX file as a source, below `folder`.

    Taken: capacity, voltage limits, open-circuit voltage over state of charge, mass and heat capacity. What a
    two-branch circuit needs beyond these is no part of BPX and stays unknown. Raises InputError for a file that is no
    BPX or has no open-circuit potentials, OutputError where the cell is there already.
    """
    maker, name = checked_id("battery-cell", id_)
    cell = _read(file)
    source = f"bpx-{name}"
    home = folder / "makers" / maker
    written = {home / "parts" / f"{name}.toml": _text(cell, source)}
    written[home / "maker.toml"] = _maker_text(catalogue, maker, source, cell, file, licence)
    paths = write_all(written, replace=home / "maker.toml")
    read_file(paths[0], PartFile)
    return paths


def _read(file: Path) -> Any:
    try:
        import bpx
    except ImportError:
        raise InputError(
            "a BPX file needs the bpx package; install renkei with it: pip install 'renkei[bpx]'"
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bpx.parse_bpx_file(str(file))
    except OSError as e:
        raise InputError(f"{file}: {e.strerror or e}") from e
    except (ValueError, TypeError, KeyError, AttributeError) as e:  # pydantic's errors are ValueErrors
        first = str(e).strip().splitlines() or [type(e).__name__]
        raise InputError(f"{file}: no BPX file: {' '.join(first[:3])[:200]}") from e


def _text(cell: Any, source: str) -> str:
    c = cell.parameterisation.cell
    mass_kg = c.density * c.volume if c.density and c.volume else None
    heat_j_per_k = mass_kg * c.specific_heat_capacity if mass_kg and c.specific_heat_capacity else None
    lines = [f"name = {json.dumps(cell.header.title or 'Cell of a BPX file')}", 'kind = "battery-cell"', "", "[facts]"]
    for key, value, unit, note in (
        ("cell_capacity", c.nominal_cell_capacity, "Ah", None),
        ("cell_voltage_min", c.lower_voltage_cutoff, "V", None),
        ("cell_voltage_max", c.upper_voltage_cutoff, "V", None),
        ("mass", mass_kg, "kg", "Density times volume."),
        ("heat_capacity", heat_j_per_k, "J/K", "Density times volume times specific heat."),
    ):
        if value:
            lines.append(_line(key, f'{float(value):.8g}, unit = "{unit}"', source, note))
    soc = [round(k / (_POINTS - 1), 4) for k in range(_POINTS)]
    volts = [round(v, 5) for v in _open_circuit(cell, soc)]
    curve = f"{{ soc = {[round(100 * s, 2) for s in soc]}, voltage = {volts} }}"
    note = "Potential of the positive electrode less that of the negative one, at their stoichiometries."
    return "\n".join([*lines, _line("open_circuit_voltage", curve, source, note)]) + "\n"


def _line(key: str, value: str, source: str, note: str | None) -> str:
    derived = f', confidence = "derived", note = "{note}"' if note else ""
    return f'{key} = {{ value = {value}, source = ["{source}"]{derived} }}'


def _open_circuit(cell: Any, soc: list[float]) -> list[float]:
    p = cell.parameterisation
    try:
        ends = [
            (e.minimum_stoichiometry, e.maximum_stoichiometry) for e in (p.negative_electrode, p.positive_electrode)
        ]
        negative, positive = (_function(e.ocp) for e in (p.negative_electrode, p.positive_electrode))
    except AttributeError:
        raise InputError("a BPX file with one open-circuit potential for each electrode is needed") from None
    (n_low, n_high), (p_low, p_high) = ends
    return [positive(p_high - (p_high - p_low) * s) - negative(n_low + (n_high - n_low) * s) for s in soc]


def _function(ocp: Any) -> Callable[[float], float]:
    if isinstance(ocp, int | float):
        return lambda _: float(ocp)
    if hasattr(ocp, "to_python_function"):
        found: Callable[[float], float] = ocp.to_python_function()
        return found
    import numpy as np

    return lambda x: float(np.interp(x, ocp.x, ocp.y))


def _maker_text(catalogue: Catalogue, maker: str, source: str, cell: Any, file: Path, licence: str) -> str:
    known = catalogue.file(maker, "maker.toml")
    try:
        text = known.read_text(encoding="utf-8") if known else f'name = "{maker}"\n'
    except OSError as e:
        raise OutputError(f"{known}: {e.strerror or e}") from e
    if known and source in catalogue.maker(maker).sources:
        raise CatalogueError(known, f"sources.{source}", expected="a source that is not there yet", got=source)
    title = f"BPX file {file.name}: {cell.header.title or file.stem}"
    told = {"title": title, "where": cell.header.references or file.name, "licence": licence}
    section = "".join(f"{key} = {json.dumps(value)}\n" for key, value in told.items())
    return f'{text.rstrip()}\n\n[sources."{source}"]\n{section}'
