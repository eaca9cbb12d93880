"""Makes thevenin.csv: voltage of a cell with two RC elements through a drive cycle, by PyBaMM's Thevenin model.

    pip install pybamm; PYTHONPATH=tests/sim:src python tests/references/thevenin.py

The currents are those that renkei finds for `cell_on_wheels` in UDDS, one a second, constant within it. The voltage is
the mean of each second, by Gauss's rule with three points. Made with PyBaMM 26.10.1.
"""

from pathlib import Path

import numpy as np
import pybamm
from made_cars import CONSTANT_R, OCV_V, SOC, cell_on_wheels

from renkei.flows.drive import read_cycle
from renkei.sim.columns import Conditions
from renkei.sim.drive import drive


def main() -> None:
    car = cell_on_wheels()
    cell = car.pack.cell
    trace = drive(car, read_cycle("udds"), Conditions(soc=0.9), trace=True).trace
    r0, r1, r2 = (surface.values[0][0] for surface in CONSTANT_R.values())
    model = pybamm.equivalent_circuit.Thevenin(options={"number of rc elements": 2})
    values = model.default_parameter_values
    values.update(
        {
            "Initial SoC": 0.9,
            "Cell capacity [A.h]": cell.capacity_ah, "Nominal cell capacity [A.h]": cell.capacity_ah,
            "Open-circuit voltage [V]": lambda soc: pybamm.Interpolant(np.array(SOC), np.array(OCV_V), soc),
            "R0 [Ohm]": r0, "R1 [Ohm]": r1, "C1 [F]": cell.tau1_s / r1, "R2 [Ohm]": r2, "C2 [F]": cell.tau2_s / r2,
            "Element-1 initial overpotential [V]": 0.0, "Element-2 initial overpotential [V]": 0.0,
            "Cell thermal mass [J/K]": 1e9, "Entropic change [V/K]": 0.0,
            "Lower voltage cut-off [V]": 2.0, "Upper voltage cut-off [V]": 4.5, "Current function [A]": "[input]",
        },
        check_already_exists=False,
    )  # fmt: skip
    simulation = pybamm.Simulation(model, parameter_values=values, solver=pybamm.ScipySolver(rtol=1e-10, atol=1e-12))
    gauss = 0.5 + np.array([-0.5, 0.0, 0.5]) * np.sqrt(0.6)
    volts = []
    for amps in trace["current_a"]:
        solution = simulation.step(
            1.0, t_eval=np.array([0.0, *gauss, 1.0]), inputs={"Current function [A]": amps}, save=False
        )
        volts.append(solution["Voltage [V]"].entries[-4:-1] @ np.array([5, 8, 5]) / 18)
    table = np.column_stack([trace["time_s"], trace["current_a"], volts])
    out = Path(__file__).with_name("thevenin.csv")
    np.savetxt(out, table, delimiter=",", header="time_s,current_a,voltage_v", comments="", fmt=["%d", "%.9f", "%.7f"])


if __name__ == "__main__":
    main()
