"""renkei: one vehicle API above the cars of several makers. What a notebook needs, without the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow
    from numpy.typing import NDArray

    from renkei.app import App
    from renkei.car import AsyncCar, Car, Running
    from renkei.flows.drive import Driven
    from renkei.flows.prove import Proof
    from renkei.rules.finding import Verdict

__all__ = ["connect", "connect_async", "decode", "drive", "fit", "prove", "sweep"]

_Path = str | PathLike[str]


def decode(
    paths: _Path | Iterable[_Path],
    vehicle: str,
    *,
    buses: Mapping[str, str] | None = None,
    data: _Path | Iterable[_Path] = (),
    vss: _Path | None = None,
    keep_personal: bool = False,
    time_unit: str | None = None,
    any_car: bool = False,
) -> pyarrow.Table:
    """Samples of the standard signals of a car in one or several CAN recordings, sorted by signal and time.

    Columns: `vehicle`, `signal` (VSS path), `t` (timestamp in ns, UTC), `value` (double in the VSS unit, booleans 0 and
    1), `text` (strings, enum names, arrays as JSON), `quality` (ok, not_available, invalid); texts are
    dictionary-coded. The table's metadata tells `time_base`: `utc`, or `boot` where t counts from the log's own start.

    `buses`: the log's channel of a bus, found out where not given; `data`: one or several private catalogues; `vss`: a
    VSS JSON of 4.x to 6.x instead of the built-in VSS 6.0; `any_car`: take logs even where they look like those of
    another car. Raises renkei.errors.RenkeiError with a text of one line.
    """
    from renkei import vocabulary
    from renkei.catalogue import Catalogue
    from renkei.flows.decode import Options, decode_logs

    chosen = vocabulary.load(Path(vss)) if vss else None
    options = Options(buses or {}, keep_personal, any_car, time_unit)
    samples, summary = decode_logs(_several(paths), vehicle, Catalogue(_several(data)), chosen, options)
    try:
        return samples.table().replace_schema_metadata(summary.metadata)
    finally:
        samples.close()


def _several(paths: _Path | Iterable[_Path]) -> list[Path]:
    return [Path(paths)] if isinstance(paths, str | PathLike) else [Path(path) for path in paths]


def prove(
    paths: _Path | Iterable[_Path],
    vehicle: str,
    *,
    buses: Mapping[str, str] | None = None,
    data: _Path | Iterable[_Path] = (),
    vss: _Path | None = None,
) -> Proof:
    """What CAN recordings say of the map of a car: `verdict` is supports, refutes or unknown; `checks` say why.

    Arguments as those of `decode`. Raises renkei.errors.RenkeiError with a text of one line.
    """
    from renkei import vocabulary
    from renkei.catalogue import Catalogue
    from renkei.flows.prove import prove as judge

    logs = [paths] if isinstance(paths, str | PathLike) else list(paths)
    folders = [data] if isinstance(data, str | PathLike) else list(data)
    catalogue = Catalogue([Path(folder) for folder in folders])
    return judge([Path(log) for log in logs], vehicle, catalogue, vocabulary.load(Path(vss)) if vss else None, buses)


def fit(
    subject: str,
    host: str,
    *,
    with_: Iterable[str] = (),
    data: _Path | Iterable[_Path] = (),
    vss: _Path | None = None,
) -> Verdict:
    """Whether a part or app works in a vehicle, a part in another part, or anything by a standard: as `renkei fit`.

    `level` of what comes back is ok, degrade, unknown or break, `first_limit` the finding that binds first, `findings`
    all of them. `with_`: ids of aids, and of parts that stand in the host instead of its own. Raises
    renkei.errors.RenkeiError with a text of one line.
    """
    from renkei import vocabulary
    from renkei.catalogue import Catalogue
    from renkei.flows.judge import judge

    return judge(Catalogue(_several(data)), subject, host, with_, vocabulary.load(Path(vss)) if vss else None)


def drive(
    vehicle: str,
    cycle: str,
    *,
    soc: float = 1.0,
    ambient_c: float = 25.0,
    battery: str | None = None,
    e_axle: str | None = None,
    changes: Mapping[str, float | str] | None = None,
    until_empty: bool = False,
    trace: bool = False,
    data: _Path | Iterable[_Path] = (),
) -> Driven:
    """Drive a virtual car through a cycle, by name or from a CSV file; as `renkei drive` does.

    `as_json()` of what comes back gives distance, energy, losses, limits, and every assumption; `drive.trace`, where
    asked for, columns with units in their names. `changes`: facts, in the units of `renkei list facts` or as texts with
    a unit ("3750 lb"), or numbers of the simulation by their path (`road.test_mass_kg`). Raises
    renkei.errors.RenkeiError.
    """
    from renkei.catalogue import Catalogue
    from renkei.flows.drive import drive_vehicle, read_cycle
    from renkei.flows.virtual_car import virtual_car
    from renkei.sim.columns import Conditions

    given = {key: str(value) for key, value in (changes or {}).items()}
    asked = read_cycle(cycle)
    built = virtual_car(Catalogue(_several(data)), vehicle, battery=battery, e_axle=e_axle, changes=given)
    return drive_vehicle(built, asked, Conditions(soc, ambient_c), until_empty=until_empty, trace=trace)


def sweep(
    vehicle: str,
    cycle: str,
    changes: Mapping[str, Iterable[float]],
    *,
    soc: float = 1.0,
    ambient_c: float = 25.0,
    battery: str | None = None,
    e_axle: str | None = None,
    until_empty: bool = False,
    data: _Path | Iterable[_Path] = (),
) -> dict[str, NDArray[np.float64]]:
    """Drive a virtual car through a cycle many times, on all cores, with numbers changed: columns in, columns out.

    Keys of `changes` are `soc`, `ambient_c`, facts such as `test_mass` in their unit, or numbers of the simulation by
    their path (`pack.parallel`); all columns have one length. What comes back has the same, by name with unit:
    `wall_wh_per_km`, `range_km`, `lowest_v`, ... Raises renkei.errors.RenkeiError.
    """
    from renkei.catalogue import Catalogue
    from renkei.flows.drive import read_cycle, sweep_vehicle
    from renkei.flows.virtual_car import virtual_car
    from renkei.sim.columns import Conditions

    asked = read_cycle(cycle)
    built = virtual_car(Catalogue(_several(data)), vehicle, battery=battery, e_axle=e_axle)
    return sweep_vehicle(built, asked, changes, Conditions(soc, ambient_c), until_empty=until_empty)


def connect(
    where: str | int | Running = "localhost:55555",
    vehicle: str | None = None,
    *,
    token: str | None = None,
    app: App | None = None,
    pace: float = 1.0,
    ca: _Path | bytes | None = None,
    cert: _Path | bytes | None = None,
    key: _Path | bytes | None = None,
    timeout_s: float = 5.0,
) -> Car:
    """A car with `get(path)`, `watch(*paths)` and `set(path, value)`, in the words of VSS; docs/apps.md shows it.

    `where`: HOST:PORT of renkei or of any KUKSA server, or the cars that are up in this process. `pace`: that of a
    replay, by which times are stretched; `ca`: where the certificates are, in PEM, of those who sign servers, for TLS;
    `cert` and `key`: those of this client, for mutual TLS. Raises renkei.errors.RenkeiError with a text of one line.
    """
    from renkei.car import connect as connect_to

    return connect_to(
        where, vehicle, token=token, app=app, pace=pace, ca=ca, cert=cert, key=key, timeout_s=timeout_s
    )  # fmt: skip


def connect_async(
    where: str | int | Running = "localhost:55555",
    vehicle: str | None = None,
    *,
    token: str | None = None,
    app: App | None = None,
    pace: float = 1.0,
    ca: _Path | bytes | None = None,
    cert: _Path | bytes | None = None,
    key: _Path | bytes | None = None,
    timeout_s: float = 5.0,
) -> AsyncCar:
    """The same car for an event loop; arguments as those of `connect`."""
    from renkei.car import connect_async as connect_to

    return connect_to(
        where, vehicle, token=token, app=app, pace=pace, ca=ca, cert=cert, key=key, timeout_s=timeout_s
    )  # fmt: skip
