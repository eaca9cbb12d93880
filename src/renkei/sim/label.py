"""From cycle tests to label values: the formulas of the United States for electric cars, in numbers alone."""

from __future__ import annotations

WH_PER_GALLON = 33705.0
"""Energy of a US gallon of gasoline for equivalence, 40 CFR 600.002."""
KM_PER_MILE = 1.609344
CITY_SHARE = 0.55
"""Of city in combined values; 40 CFR 600.210-12, 600.311-12."""


def mpge(wall_wh_per_km: float) -> float:
    """Miles for each gallon equivalent of energy from the wall."""
    return WH_PER_GALLON / (wall_wh_per_km * KM_PER_MILE)


def wall_wh_per_km(mpge: float) -> float:
    """Energy from the wall of a car with that many miles for each gallon equivalent."""
    return WH_PER_GALLON / mpge / KM_PER_MILE


def label_mpge(unadjusted_mpge: float, factor: float) -> int:
    """Label value of city or highway: the test's times the factor, to whole miles. Source: 40 CFR 600.210-12."""
    return round(unadjusted_mpge * factor)


def combined_mpge(city_mpge: float, highway_mpge: float) -> float:
    """City and highway weighted by energy for each mile: the harmonic mean. Source: 40 CFR 600.311-12."""
    return 1 / (CITY_SHARE / city_mpge + (1 - CITY_SHARE) / highway_mpge)


def combined_range(city: float, highway: float) -> float:
    """City and highway range, in the same unit, weighted by distance. Source: 40 CFR 600.311-12."""
    return CITY_SHARE * city + (1 - CITY_SHARE) * highway


def multi_cycle_range_km(first_wh: float, first_wh_per_km: float, later_wh_per_km: float, usable_wh: float) -> float:
    """Range of a cycle from the multi-cycle test, energies at the pack's terminals.

    `first_wh`: energy of its first run, from full. It counts by its share of the usable energy; later runs share the
    rest. Source: SAE J1634 (2017), section 8.4: scaling factors of the multi-cycle range and consumption test.
    """
    first = min(1.0, first_wh / usable_wh)
    return usable_wh / (first * first_wh_per_km + (1 - first) * later_wh_per_km)
