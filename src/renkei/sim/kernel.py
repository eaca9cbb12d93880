"""The compiled loop that drives cars through a cycle. columns.py describes what goes in and comes out.

What is called at every step is inlined or takes plain numbers; tables have even knots, so that a look-up is one
multiplication. Within a step speed is linear in time and current is constant, which makes every balance exact:
the work of inertia is the change of kinetic energy, and the two RC elements are solved in closed form.
"""

import math

import numpy as np
from numba import njit

from renkei.sim.columns import (
    CIRCUIT,
    COLDEST_C,
    HOTTEST_C,
    LIMITS,
    SOC_KNOTS,
    SPEED_KNOTS,
    SURFACE_C_KNOTS,
    SURFACE_SOC_KNOTS,
    TORQUE_KNOTS,
    TRACE,
    VOLTAGE_KNOTS,
)

TORQUE, POWER, SPEED, WINDOW, DIS_A, DIS_W, LOW_V, CHG_A, CHG_W, HIGH_V, SHARE, BRAKE, CONTINUOUS = range(len(LIMITS))
NONE = -1
TRACE_COLUMNS = len(TRACE)
LOOK_AGAIN_SOC, LOOK_AGAIN_C = 5e-4, 0.2
"""Resistances are looked up again when charge or temperature have moved by so much."""
BEHIND_M_S = 0.894
"""A driver is behind when slower than asked by 2 mph (40 CFR 86.115-78)."""

FAST = {"contract", "arcp", "nsz"}
"""Fused and reciprocal multiplication is allowed; infinities and order of sums are kept."""

kernel = njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)


@kernel
def _map_loss(car, loss_w, force, speed, voltage):
    """W lost by a measured map at a force at the wheels, a speed of the car and a voltage."""
    t = (force * car.torque_per_n - car.map_torque_0) / car.map_torque_step
    n = speed * car.speed_per_m_s / car.map_speed_step
    u = (voltage - car.map_volt_0) / car.map_volt_step
    t = min(max(t, 0.0), TORQUE_KNOTS - 1.000001)
    n = min(max(n, 0.0), SPEED_KNOTS - 1.000001)
    u = min(max(u, 0.0), VOLTAGE_KNOTS - 1.000001)
    i, j, k = int(u), int(n), int(t)
    u, n, t = u - i, n - j, t - k
    total = 0.0
    for a in range(2):
        for b in range(2):
            row = loss_w[car.map, i + a, j + b]
            part = row[k] * (1 - t) + row[k + 1] * t
            total += part * (u if a else 1 - u) * (n if b else 1 - n)
    return total


@kernel
def _loss(car, loss_w, force, speed, voltage):
    """W lost in the e-axle."""
    if car.map >= 0:
        return _map_loss(car, loss_w, force, speed, voltage)
    f = abs(force)
    return (
        car.loss_0
        + (car.loss_v + car.loss_v2 * speed) * speed
        + ((car.loss_f2 + car.loss_f2v * speed) * f + car.loss_fv * speed) * f
    )


@kernel
def _most_discharge_w(car, source_v, r, limit_w):
    """Most power a cell can give at its terminals now, and what binds it."""
    amps, bound = car.max_discharge_a, DIS_A
    if source_v - r * amps < car.cell_min_v:
        amps, bound = max(0.0, (source_v - car.cell_min_v) / r), LOW_V
    watts = (source_v - r * amps) * amps
    if limit_w < watts:
        return limit_w, DIS_W
    return watts, bound


@kernel
def _most_charge_w(car, source_v, r, limit_w):
    """Most power a cell can take at its terminals now, and what binds it."""
    amps, bound = car.max_charge_a, CHG_A
    if source_v + r * amps > car.cell_max_v:
        amps, bound = max(0.0, (car.cell_max_v - source_v) / r), HIGH_V
    watts = (source_v + r * amps) * amps if amps > 0 else 0.0
    if limit_w < watts:
        return limit_w, CHG_W
    return watts, bound


@kernel
def _road_n(car, speed):
    if speed <= 0:
        return 0.0
    return car.a_n + (car.b_n_per_m_s + car.c_n_per_m2_s2 * speed) * speed


@kernel
def _most_force(car, speed, power_share):
    """Most force in N that the e-axle gives at a speed, and what binds it."""
    if power_share == 0:
        return 0.0, WINDOW
    if speed >= car.top_m_s:
        return 0.0, SPEED
    if car.peak_n * speed > car.peak_w * power_share:
        return car.peak_w * power_share / speed, POWER if power_share == 1 else WINDOW
    return car.peak_n, TORQUE


@kernel
def _reached(car, loss_w, v0, asked, step_s, power_share, most_w, voltage):
    """Speed in m/s at the end of a step in which the car cannot follow: the highest that all limits admit."""
    low, high = 0.0, asked
    for _ in range(48):
        v1 = 0.5 * (low + high)
        mean = 0.5 * (v0 + v1)
        force = car.inertia_kg * (v1 - v0) / step_s + _road_n(car, mean)
        most_n, _ = _most_force(car, mean, power_share)
        fits = force <= most_n
        if fits and force > 0:
            fits = force * mean + _loss(car, loss_w, force, mean, voltage) + car.auxiliary_w <= most_w
        if fits:
            low = v1
        else:
            high = v1
    return low


@kernel
def _regenerated(car, brake_n, speed, power_share):
    """Braking force in N (positive) that the e-axle takes of what is asked, and what bound it."""
    force, bound = brake_n * car.brake_share, NONE
    if force > car.brake_max_n:
        force, bound = car.brake_max_n, SHARE
    if speed < car.fade_from_m_s:
        force *= max(0.0, (speed - car.fade_to_m_s) / (car.fade_from_m_s - car.fade_to_m_s))
    most_n, why = _most_force(car, speed, power_share)
    if force > most_n:
        force, bound = most_n, BRAKE if why != WINDOW else WINDOW
    return force, bound


@kernel
def _held_back(car, loss_w, force, speed, most_w, voltage):
    """The part of a braking force in N whose power the battery takes."""
    low, high = 0.0, force
    for _ in range(40):
        force = 0.5 * (low + high)
        if force * speed - _loss(car, loss_w, -force, speed, voltage) - car.auxiliary_w > most_w:
            high = force
        else:
            low = force
    return low


@kernel
def _look_up(circuit, soc, cells_c, out):
    """The numbers of the circuit at a charge and a temperature, for one cell."""
    x = min(max(soc, 0.0), 1.0) * (SURFACE_SOC_KNOTS - 1)
    y = (min(max(cells_c, COLDEST_C), HOTTEST_C) - COLDEST_C) * ((SURFACE_C_KNOTS - 1) / (HOTTEST_C - COLDEST_C))
    i, j = min(int(x), SURFACE_SOC_KNOTS - 2), min(int(y), SURFACE_C_KNOTS - 2)
    x, y = x - i, y - j
    for n in range(CIRCUIT):
        low, high = circuit[j, i, n], circuit[j + 1, i, n]
        if low != math.inf:
            low = low * (1 - x) + circuit[j, i + 1, n] * x
            high = high * (1 - x) + circuit[j + 1, i + 1, n] * x
            low = low * (1 - y) + high * y
        out[n] = low


@kernel
def _count(result, limit, step_s, time_s):
    if result.limit_s[limit] == 0:
        result.limit_at_s[limit] = time_s
    result.limit_s[limit] += step_s


@kernel
def _drive(car, ocv_v, circuit, loss_w, asked, step_s, until_empty, result, trace):
    """Drive one car through the speeds `asked`; fills `result`, and `trace` as far as it has rows."""
    steps = len(asked) - 1
    soc, cells_c, case_c = car.start_soc, car.start_c, car.start_case_c
    v1, v2 = car.start_v1, car.start_v2
    v0 = asked[0]
    kinetic0 = 0.5 * car.inertia_kg * v0 * v0
    look = np.empty(CIRCUIT)
    looked_soc, looked_c = -9.0, 0.0
    r0 = r1 = r2 = r = dis_w = chg_w = farads1 = farads2 = 0.0
    per_cell, per_step = 1 / car.cells, 1 / step_s
    warmed, case_warmed = 1 / car.cells_j_per_k, 1 / car.case_j_per_k
    cells, series = car.cells, car.series
    per_as = step_s / car.capacity_as
    voltage, power_share = 0.0, 1.0
    time_s = distance = missed = driven = braked = friction_j = road_j = axle_j = 0.0
    out_j = in_j = chemical = lost = polarised = to_air = to_coolant = through = square = behind_s = 0.0
    behind_at = np.nan
    lowest_v, highest_v, most_a, least_a, highest_c = 9e9, 0.0, 0.0, 0.0, cells_c
    empty, k, kept = 0, 0, 0
    told_m, told_soc = 0.0, soc
    floor = car.usable_from
    while True:
        if abs(soc - looked_soc) > LOOK_AGAIN_SOC or abs(cells_c - looked_c) > LOOK_AGAIN_C:
            looked_soc, looked_c = soc, cells_c
            _look_up(circuit, soc, cells_c, look)
            r0 = look[0] * car.resistance_factor + car.joints_ohm
            r1, r2 = look[1] * car.resistance_factor, look[2] * car.resistance_factor
            dis_w, chg_w = look[3], look[4]
            farads1 = 0.5 * car.tau1_s / r1 if r1 > 0 else 0.0
            farads2 = 0.5 * car.tau2_s / r2 if r2 > 0 else 0.0
        x = min(max(soc, 0.0), 1.0) * (SOC_KNOTS - 1)
        i = min(int(x), SOC_KNOTS - 2)
        slope = ocv_v[i + 1] - ocv_v[i]
        ocv = ocv_v[i] + slope * (x - i)
        sag = 0.5 * slope * (SOC_KNOTS - 1) * per_as
        r = r0 + r1 * (1 - car.kept1) + r2 * (1 - car.kept2) + sag
        source = ocv - v1 * car.kept1 - v2 * car.kept2
        if voltage == 0:
            voltage = source * series
        if voltage < car.axle_full_v or voltage > car.axle_max_v:
            power_share = min(1.0, voltage / car.axle_full_v) if car.axle_full_v > 0 else 1.0
            if voltage < car.axle_min_v or voltage > car.axle_max_v:
                power_share = 0.0
        else:
            power_share = 1.0

        # what the driver asks for, and what the car can
        target = asked[k + 1]
        mean = 0.5 * (v0 + target)
        road = _road_n(car, mean)
        force = car.inertia_kg * (target - v0) * per_step + road
        v_end, friction, bound = target, 0.0, NONE
        if force >= 0:
            most_n, why = _most_force(car, mean, power_share)
            loss = _loss(car, loss_w, force, mean, voltage)
            dc = force * mean + loss + car.auxiliary_w
            if force > most_n:
                bound = why
            watts = dc * per_cell
            amps = 2 * watts / (source + math.sqrt(max(source * source - 4 * r * watts, 0.0)))
            over = watts > dis_w or amps > car.max_discharge_a or source - r * amps < car.cell_min_v
            if over or 4 * r * watts > source * source or bound != NONE:
                most_w, why_w = _most_discharge_w(car, source, r, dis_w)
                v_end = _reached(car, loss_w, v0, target, step_s, power_share, most_w * cells, voltage)
                mean = 0.5 * (v0 + v_end)
                road = _road_n(car, mean)
                force = car.inertia_kg * (v_end - v0) / step_s + road
                if force < 0:
                    friction, force = -force, 0.0
                loss = _loss(car, loss_w, force, mean, voltage)
                dc = force * mean + loss + car.auxiliary_w
                most_n, why = _most_force(car, mean, power_share)
                bound = why if force >= most_n * (1 - 1e-6) else why_w
                if dc > most_w * cells * (1 + 1e-9) + 1e-6:
                    empty = 1
                watts = dc * per_cell
                amps = 2 * watts / (source + math.sqrt(max(source * source - 4 * r * watts, 0.0)))
        else:
            held, bound = _regenerated(car, -force, mean, power_share)
            loss = _loss(car, loss_w, -held, mean, voltage)
            dc = car.auxiliary_w + loss - held * mean
            watts = dc * per_cell
            amps = 2 * watts / (source + math.sqrt(max(source * source - 4 * r * watts, 0.0)))
            if -watts > chg_w or -amps > car.max_charge_a or (amps < 0 and source - r * amps > car.cell_max_v):
                most_w, bound = _most_charge_w(car, source, r, chg_w)
                held = _held_back(car, loss_w, held, mean, most_w * cells, voltage)
                loss = _loss(car, loss_w, -held, mean, voltage)
                dc = car.auxiliary_w + loss - held * mean
                watts = dc * per_cell
                amps = 2 * watts / (source + math.sqrt(max(source * source - 4 * r * watts, 0.0)))
            friction = -force - held
            force = -held
            if dc > 0:
                most_w, why_w = _most_discharge_w(car, source, r, dis_w)
                if dc > most_w * cells * (1 + 1e-9) + 1e-6:
                    empty = 1
        if soc <= floor:
            empty = 1
        if empty:
            break

        # battery: both RC elements in closed form
        volts = source - r * amps
        new1 = r1 * amps + (v1 - r1 * amps) * car.decay1
        new2 = r2 * amps + (v2 - r2 * amps) * car.decay2
        stored = (new1 * new1 - v1 * v1) * farads1 + (new2 * new2 - v2 * v2) * farads2
        chem = (ocv - sag * amps) * amps * step_s
        heat = chem - watts * step_s - stored
        v1, v2 = new1, new2
        soc -= amps * per_as
        voltage = volts * series

        # heat: two nodes, forward
        warmth = heat * cells
        passed = car.cells_to_case_w_per_k * (cells_c - case_c) * step_s
        air = car.case_to_air_w_per_k * (case_c - car.air_c) * step_s
        coolant = 0.0
        if cells_c > car.coolant_from_c:
            coolant = car.coolant_w_per_k * (case_c - car.coolant_c) * step_s
        cells_c += (warmth - passed) * warmed
        case_c += (passed - air - coolant) * case_warmed

        # what is added up
        if force >= 0:
            driven += force * mean * step_s
        else:
            braked -= force * mean * step_s
        friction_j += friction * mean * step_s
        road_j += road * mean * step_s
        axle_j += loss * step_s
        distance += mean * step_s
        if dc >= 0:
            out_j += dc * step_s
        else:
            in_j -= dc * step_s
        chemical += chem
        lost += heat
        polarised += stored
        to_air += air
        to_coolant += coolant
        through += abs(amps) * step_s
        square += amps * amps * step_s
        lowest_v, highest_v = min(lowest_v, volts), max(highest_v, volts)
        most_a, least_a = max(most_a, amps), min(least_a, amps)
        highest_c = max(highest_c, cells_c)
        if bound != NONE:
            _count(result, bound, step_s, time_s)
        if force * mean > car.continuous_w:
            _count(result, CONTINUOUS, step_s, time_s)
        if target - v_end > BEHIND_M_S:
            if behind_s == 0:
                behind_at = time_s
            behind_s += step_s
        missed += 0.5 * (asked[k] + target) * step_s - mean * step_s
        if kept < len(trace):
            row = trace[kept]
            row[0], row[1], row[2], row[3], row[4] = time_s + step_s, target, v_end, force, force * mean
            row[5], row[6], row[7], row[8] = friction * mean, loss, dc, voltage
            row[9], row[10], row[11], row[12] = amps * cells / series, soc, cells_c, case_c
            row[13], row[14], row[15], row[16] = chem * cells / step_s, warmth / step_s, stored * cells / step_s, bound
            kept += 1
        v0 = v_end
        time_s += step_s
        k += 1
        if k == steps:
            # a car that has stood through a whole cycle, or used no charge, would go on for ever
            if not until_empty or distance <= told_m or soc >= told_soc:
                break
            told_m, told_soc = distance, soc
            k = 0
            v0 = v0 if v0 > 0 else asked[0]

    result.time_s, result.distance_m, result.missed_m = time_s, distance, missed
    result.behind_s, result.behind_at_s = behind_s, behind_at
    result.driven_j, result.braked_j, result.friction_j, result.road_j = driven, braked, friction_j, road_j
    result.kinetic_j = 0.5 * car.inertia_kg * v0 * v0 - kinetic0
    result.axle_loss_j, result.auxiliary_j = axle_j, car.auxiliary_w * time_s
    result.discharged_j, result.regenerated_j, result.chemical_j = out_j, in_j, chemical * cells
    result.resistance_loss_j, result.polarised_j = lost * cells, polarised * cells
    result.heat_to_air_j, result.heat_to_coolant_j = to_air, to_coolant
    result.heat_stored_j = car.cells_j_per_k * (cells_c - car.start_c) + car.case_j_per_k * (case_c - car.start_case_c)
    result.throughput_as, result.square_a2s = through * cells / series, square
    result.lowest_v, result.highest_v = lowest_v * series, highest_v * series
    result.highest_discharge_a, result.highest_charge_a = most_a * cells / series, abs(least_a) * cells / series
    result.highest_c, result.start_soc, result.end_soc = highest_c, car.start_soc, soc
    result.end_c, result.end_case_c, result.end_v1, result.end_v2 = cells_c, case_c, v1, v2
    result.empty = empty
    return kept


@kernel
def drive_rows(cars, ocv_v, circuit, loss_w, asked, step_s, until_empty, results):
    """Every car through the same speeds, one after the other; results only."""
    no_trace = np.empty((0, TRACE_COLUMNS))
    for n in range(len(cars)):
        car = cars[n]
        _drive(
            car, ocv_v[car.battery], circuit[car.battery], loss_w, asked, step_s, until_empty, results[n], no_trace
        )  # fmt: skip


@kernel
def drive_one(cars, ocv_v, circuit, loss_w, asked, step_s, until_empty, results, trace):
    """One car, with its trace; gives how many rows of it were filled."""
    car = cars[0]
    return _drive(
        car, ocv_v[car.battery], circuit[car.battery], loss_w, asked, step_s, until_empty, results[0], trace
    )  # fmt: skip
