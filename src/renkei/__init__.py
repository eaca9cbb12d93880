"""renkei: one vehicle API above the cars of several makers. What a notebook needs, without the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow

    from renkei.flows.prove import Proof

__all__ = ["decode", "prove"]

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
