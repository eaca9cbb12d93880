"""Traces of drives as Parquet or CSV files, and as a plot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from renkei.aside import aside
from renkei.errors import InputError, OutputError
from renkei.flows.drive import Driven
from renkei.sim.columns import LIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow
    from numpy.typing import NDArray

PLOTS = (".svg", ".png", ".pdf")
SIGNS = "dc_w, current_a: positive out of the battery; wheel_w, force_n: positive when they drive"


def writable(out: Path | None, plot: Path | None) -> None:
    """Refuse names that cannot be written before anything is driven. Raises InputError, OutputError."""
    if out and out.suffix not in (".parquet", ".csv"):
        raise InputError(f"{out}: expected a name that ends in .parquet or .csv")
    if plot and plot.suffix not in PLOTS:
        raise InputError(f"{plot}: expected a name that ends in {', '.join(PLOTS)}")
    for file in (out, plot):
        if file and not file.parent.is_dir():
            raise OutputError(f"{file}: there is no folder {file.parent}")


def table(driven: Driven) -> pyarrow.Table:
    """The trace in columns with units in their names; `limit` in words, null where none bound.

    `dc_w` and `current_a` are positive out of the battery, as `signs` in the metadata says.
    """
    import pyarrow as pa

    trace = driven.drive.trace
    words = pa.array([None if i < 0 else LIMITS[int(i)] for i in trace["limit"]], pa.string())
    columns = {name: pa.array(np.ascontiguousarray(column)) for name, column in trace.items() if name != "limit"}
    made = pa.table({**columns, "limit": words})
    names = {"vehicle": driven.built.vehicle.id, "cycle": driven.cycle.name, "signs": SIGNS}
    return made.replace_schema_metadata({key: value.encode() for key, value in names.items()})


def write(driven: Driven, out: Path) -> None:
    """Write the trace aside and rename it. Raises OutputError."""
    import pyarrow.csv
    import pyarrow.parquet

    with aside(out) as beside:
        if out.suffix == ".csv":
            pyarrow.csv.write_csv(table(driven), beside)
        else:
            pyarrow.parquet.write_table(table(driven), beside)


def _panels(trace: Mapping[str, NDArray[np.float64]]) -> list[tuple[str, list[tuple[str, NDArray[np.float64]]]]]:
    """What is drawn, by unit: power and current of the battery as VSS has them, positive into it."""
    return [
        ("km/h", [("asked", trace["asked_m_s"] * 3.6), ("driven", trace["speed_m_s"] * 3.6)]),
        (
            "kW",
            [
                ("wheels, positive when they drive", trace["wheel_w"] / 1000),
                ("battery, positive into it", -trace["dc_w"] / 1000),
            ],
        ),
        ("V", [("voltage", trace["voltage_v"])]),
        ("A", [("battery, positive into it", -trace["current_a"])]),
        ("%", [("state of charge of the cells", trace["soc"] * 100)]),
        ("°C", [("cells", trace["cells_c"]), ("case", trace["case_c"])]),
    ]


def plot(driven: Driven, out: Path) -> None:
    """Draw speed, power, voltage, current, charge and temperature over time. Raises OutputError."""
    from matplotlib.figure import Figure

    minutes = driven.drive.trace["time_s"] / 60
    panels = _panels(driven.drive.trace)
    figure = Figure(figsize=(10, 13), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True)
    for axis, (unit, lines) in zip(axes, panels, strict=True):
        for name, values in lines:
            axis.plot(minutes, values, label=name, linewidth=0.9)
        axis.set_ylabel(unit)
        axis.grid(alpha=0.3)
        axis.legend(loc="upper right", fontsize="small", frameon=False)
    axes[0].set_title(f"{driven.built.vehicle.name}, {driven.cycle.name} (simulated)")
    axes[-1].set_xlabel("minutes")
    with aside(out) as beside:
        figure.savefig(beside)
