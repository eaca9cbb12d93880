"""What owners have found out by trying, row by row of a public table: levels and limiting factors come from facts."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import pytest

from renkei.catalogue import Catalogue
from renkei.flows.judge import judge

TABLE = Path(__file__).parents[3] / "shared/data/parts/known_fit_outcomes.csv"
ALL = Catalogue()
LEAF_AIDS = {"connector adaptor": "connector-adaptor", "resolver coding": "resolver-coding"}
AIDED = {1, 2, 3, 7}
"""Rows that record a level with aids."""


class Trial(NamedTuple):
    """`mounted`: aids without which what the row tells of cannot have been tried; `limit`: rules that may bind first.

    `figure`: the number of the row, found in the finding that binds first.
    """

    case: int
    subject: str
    host: str
    limit: tuple[str, ...]
    mounted: tuple[str, ...] = ()
    brought: tuple[str, ...] = ()
    figure: float | None = None


TRIALS = [
    Trial(1, "nissan/leaf-30-pack", "nissan/leaf-aze0", ("protocol", "messages-to-part")),
    Trial(1, "nissan/leaf-40-pack", "nissan/leaf-aze0", ("protocol", "messages-to-part")),
    Trial(2, "nissan/leaf-24-aze0-pack", "nissan/leaf-ze0", ("connectors",)),
    Trial(2, "nissan/leaf-30-pack", "nissan/leaf-ze0", ("connectors",)),
    Trial(2, "nissan/leaf-40-pack", "nissan/leaf-ze0", ("connectors",)),
    Trial(2, "nissan/leaf-62-pack", "nissan/leaf-ze0", ("connectors",), mounted=("springs", "spacers")),
    Trial(3, "nissan/leaf-62-pack", "nissan/leaf-aze0", ("mass", "mounting")),
    Trial(3, "nissan/leaf-62-pack", "nissan/leaf-ze1-40", ("mass", "mounting"), figure=107),
    Trial(4, "nissan/leaf-62-pack", "nissan/leaf-ze1-40", ("protocol",), mounted=("springs", "spacers")),
    Trial(5, "nissan/leaf-62-pack", "nissan/leaf-ze1-40", ("protocol",), mounted=("springs", "spacers")),
    Trial(6, "nissan/leaf-40-pack", "nissan/em57-160-inverter", ("peak-current",), figure=400),
    Trial(6, "nissan/em57-160-inverter", "nissan/leaf-aze0", ("peak-current",), ("bridge", "resolver-coding"),
          ("nissan/leaf-40-pack",), figure=400),
    Trial(7, "nissan/em57-160-inverter", "nissan/leaf-ze1-40", ("resolver", "known-rating")),
    Trial(7, "nissan/em57-160-inverter", "nissan/em57-110-e-axle", ("resolver", "known-rating")),
    Trial(8, "nissan/em57-110-inverter", "nissan/leaf-ze0", ("motor-interface",)),
    Trial(8, "nissan/em57-160-inverter", "nissan/leaf-ze0", ("motor-interface",)),
    Trial(8, "nissan/em57-160-inverter", "nissan/em61-e-axle", ("motor-interface",)),
    Trial(9, "renault/cmfa-27-window", "nissan/em57-80-inverter", ("voltage-window",), figure=240),
    Trial(10, "kia/e-gmp-window", "nissan/em57-80-inverter", ("voltage-window",), figure=600),
    Trial(11, "mitsubishi/i-miev-16-pack", "nissan/em57-80-inverter", ("peak-current",), figure=242),
    Trial(11, "mitsubishi/i-miev-16-pack", "nissan/em61-inverter", ("peak-current",), figure=242),
    Trial(12, "nissan/leaf-cz1-60-pack", "nissan/leaf-aze0", ("protocol", "messages-to-part")),
]  # fmt: skip


def rows():
    if not TABLE.is_file():
        pytest.skip("the public table of known outcomes is not beside the repository")
    with TABLE.open(encoding="utf-8") as text:
        return {int(row["case"]): row for row in csv.DictReader(text)}


def name_of(trial):
    return f"{trial.case}-{trial.subject.split('/')[1]}-{trial.host.split('/')[1]}"


@pytest.mark.parametrize("trial", TRIALS, ids=name_of)
def test_a_part_as_it_is_has_the_recorded_level_and_limiting_factor(trial):
    row = rows()[trial.case]
    verdict = judge(ALL, trial.subject, trial.host, (*trial.mounted, *trial.brought))
    first = verdict.first_limit
    assert verdict.level == row["level_as_is"]
    assert first is not None
    assert first.rule in trial.limit
    assert first.facts
    if trial.figure:
        assert float(row["limit_value"]) == trial.figure
        told = [first.required, first.provided, *(word.strip(";,.") for word in first.message.split())]
        assert any(_close(value, trial.figure) for value in told), told


def _close(value, figure):
    try:
        return abs(float(value) - figure) < 0.5
    except (TypeError, ValueError):
        return False


@pytest.mark.parametrize("trial", [trial for trial in TRIALS if trial.case in AIDED], ids=name_of)
def test_with_the_aids_that_the_row_names_it_has_the_level_that_it_records(trial):
    row = rows()[trial.case]
    aids = [LEAF_AIDS.get(aid.strip(), aid.strip()) for aid in row["with"].split(";")]
    verdict = judge(ALL, trial.subject, trial.host, (*aids, *trial.mounted, *trial.brought))
    assert verdict.level == row["level_with"]


def test_every_row_of_the_table_is_tried_and_with_its_aids_where_it_records_a_level():
    assert set(rows()) == {trial.case for trial in TRIALS}
    assert {case for case, row in rows().items() if row["level_with"]} == AIDED


def test_the_pack_of_the_same_generation_fits_without_anything():
    assert judge(ALL, "nissan/leaf-24-aze0-pack", "nissan/leaf-aze0").level == "ok"


@pytest.mark.parametrize("left_out", ["springs", "spacers", "bridge"])
def test_each_of_the_aids_of_the_largest_pack_is_needed(left_out):
    aids = [aid for aid in ("springs", "spacers", "bridge") if aid != left_out]
    verdict = judge(ALL, "nissan/leaf-62-pack", "nissan/leaf-ze1-40", aids)
    assert verdict.level == "break"
    assert all(left_out in finding.mends for finding in verdict.findings if finding.level == "break")


def test_the_full_capacity_of_the_larger_pack_is_no_value_to_the_smaller_car():
    verdict = judge(ALL, "nissan/leaf-62-pack", "nissan/leaf-ze1-40", ("springs", "spacers"))
    (found,) = (f for f in verdict.findings if f.rule == "signal-values" and f.level != "ok")
    assert "FULL_CAPACITY" in found.about
    assert "0x1FF" in found.message


def test_the_pack_that_waits_for_the_later_charger_does_not_hear_it_in_the_first_car():
    verdict = judge(ALL, "nissan/leaf-30-pack", "nissan/leaf-ze0", ("connector-adaptor",))
    lost = {f.about: f.message for f in verdict.findings if f.rule == "messages-to-part" and f.level == "break"}
    assert {"0x390", "0x393"} <= set(lost)
    assert all("P3196" in lost[id_] for id_ in ("0x390", "0x393"))


def test_byte_3_of_0x5bc_is_found_to_mean_two_things():
    verdict = judge(ALL, "nissan/leaf-24-aze0-pack", "nissan/leaf-ze0", ("connector-adaptor",))
    meanings = {(f.required, f.provided): f for f in verdict.findings if f.rule == "message-meaning"}
    found = meanings["TEMPERATURE", "TEMPERATURE_BAR"]
    assert found.about == "0x5BC PACK_ENERGY.TEMPERATURE"
    assert found.level == "degrade"
