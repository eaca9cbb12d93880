"""What changed between two trees, which signals are one under two names, and whom it hits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from renkei.catalogue import Catalogue
from renkei.errors import InputError, VocabularyError
from renkei.flows.vss_diff import Difference, difference, read

VSS = Path(__file__).parents[3] / "shared/data/vss"


def leaf(datatype: str = "float", unit: str | None = "km", kind: str = "sensor", **more: Any) -> dict[str, Any]:
    return {"type": kind, "datatype": datatype, **({"unit": unit} if unit else {}), **more}


def branch(**children: Any) -> dict[str, Any]:
    return {"type": "branch", "children": children}


def written(folder: Path, name: str, **children: Any) -> str:
    file = folder / name
    file.write_text(json.dumps({"Vehicle": branch(**children)}))
    return str(file)


def compared(tmp_path: Path, a: dict[str, Any], b: dict[str, Any]) -> Difference:
    before, after = read(written(tmp_path, "a.json", **a)), read(written(tmp_path, "b.json", **b))
    return difference(before, after, Catalogue([tmp_path] if (tmp_path / "apps").exists() else []))


def with_app(folder: Path, text: str) -> None:
    (folder / "makers").mkdir()
    (folder / "apps").mkdir()
    (folder / "apps/ours.toml").write_text(f'name = "Ours"\ncode = "ours"\n{text}\n')


def test_a_tree_does_not_differ_from_itself(tmp_path: Path) -> None:
    found = compared(tmp_path, {"Distance": leaf()}, {"Distance": leaf()})
    assert (found.removed, found.added, found.renamed, found.changed, found.maps) == ((), (), (), (), ())


def test_what_is_gone_and_what_is_new(tmp_path: Path) -> None:
    found = compared(tmp_path, {"Old": leaf()}, {"New": leaf("boolean", None)})
    assert (found.removed, found.added, found.renamed) == (("Vehicle.Old",), ("Vehicle.New",), ())


CHANGES = {
    "unit": (leaf(), leaf(unit="m"), ("unit", "km", "m", "1 km is 1000 m")),
    "unit with an offset": (
        leaf(unit="Celsius"), leaf(unit="Fahrenheit"),
        ("unit", "Celsius", "Fahrenheit", "Fahrenheit = Celsius × 1.8 + 32"),
    ),
    "unit of another quantity": (
        leaf(), leaf(unit="kg"), ("unit", "km", "kg", "another quantity: values mean something else"),
    ),
    "unit by another name": (
        leaf(unit="celsius"), leaf(unit="Celsius"), ("unit", "celsius", "Celsius", "the same unit by another name"),
    ),
    "datatype": (leaf(), leaf("uint32"), ("datatype", "float", "uint32", "")),
    "type": (leaf(), leaf(kind="actuator"), ("type", "sensor", "actuator", "")),
    "range": (leaf(min=0, max=10), leaf(min=0, max=20), ("max", 10, 20, "")),
    "enum": (
        leaf("string", None, allowed=["P", "N", "D"]),
        leaf("string", None, allowed=["P", "R", "N"]),
        ("allowed", ["P", "N", "D"], ["P", "R", "N"], "without D; with R"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of(what: str, tmp_path: Path) -> None:
    before, after, expected = CHANGES[what]
    [change] = compared(tmp_path, {"X": before}, {"X": after}).changed
    assert (change.signal, *change[1:]) == ("Vehicle.X", *expected)


def test_a_moved_signal_is_found_by_its_description(tmp_path: Path) -> None:
    told = {"description": "How far the car has come."}
    found = compared(tmp_path, {"A": branch(Far=leaf(**told))}, {"B": branch(Gone=leaf(**told))})
    [renamed] = found.renamed
    assert (renamed.signal, renamed.to) == ("Vehicle.A.Far", "Vehicle.B.Gone")
    assert (found.removed, found.added) == ((), ())


def test_a_level_more_is_a_new_name_of_the_same(tmp_path: Path) -> None:
    found = compared(tmp_path, {"Lumbar": branch(Height=leaf())}, {"LumbarHeight": leaf()})
    assert [(r.signal, r.to) for r in found.renamed] == [("Vehicle.Lumbar.Height", "Vehicle.LumbarHeight")]


def test_of_several_that_are_alike_the_one_in_the_same_branch_is_meant(tmp_path: Path) -> None:
    told = {"description": "Height of the lumbar support."}
    rows = ("Row1", "Row2")
    a = {row: branch(Lumbar=branch(High=leaf(**told))) for row in rows}
    b = {row: branch(Support=branch(Level=leaf(**told))) for row in rows}
    found = compared(tmp_path, a, b)
    assert {(r.signal, r.to) for r in found.renamed} == {
        (f"Vehicle.{row}.Lumbar.High", f"Vehicle.{row}.Support.Level") for row in rows
    }


def test_what_two_signals_could_be_is_neither(tmp_path: Path) -> None:
    told = {"description": "Height of the lumbar support."}
    found = compared(tmp_path, {"A": leaf(**told)}, {"B": leaf(**told), "C": leaf(**told)})
    assert (found.renamed, found.removed, found.added) == ((), ("Vehicle.A",), ("Vehicle.B", "Vehicle.C"))


def test_another_unit_under_another_name_is_another_signal(tmp_path: Path) -> None:
    told = {"description": "How far the car has come."}
    assert compared(tmp_path, {"Far": leaf(**told)}, {"Gone": leaf(unit="m", **told)}).renamed == ()


def test_maps_that_lose_by_it_are_named(tmp_path: Path) -> None:
    before = {"Speed": leaf(unit="km/h"), "TraveledDistance": leaf()}
    found = compared(tmp_path, before, {"TraveledDistance": leaf("uint32", "m")})
    lost = [e for e in found.maps if e.signal == "Vehicle.Speed"]
    assert {e.user.split("/")[0] for e in lost} == {"honda", "mitsubishi", "nissan"}
    assert all(e.breaks for e in lost)
    kept = [e for e in found.maps if e.signal == "Vehicle.TraveledDistance"]
    assert kept
    assert not any(e.breaks for e in kept)
    assert "1 km is 1000 m" in kept[0].what


APPS = {
    "loses what it requires": ('[requires]\n"Vehicle.Gone" = {}', "Vehicle.Gone", True, "removed"),
    "loses what it would use": ('[uses]\n"Vehicle.Gone" = {}', "Vehicle.Gone", False, "removed"),
    "asks for a unit": ('[requires]\n"Vehicle.Far" = { unit = "km" }', "Vehicle.Far", False, "it asks for km"),
    "takes values as they come": ('[requires]\n"Vehicle.Far" = {}', "Vehicle.Far", True, "it names no unit"),
}


@pytest.mark.parametrize("what", APPS)
def test_an_app_that(what: str, tmp_path: Path) -> None:
    manifest, path, breaks, told = APPS[what]
    with_app(tmp_path, manifest)
    found = compared(tmp_path, {"Gone": leaf(), "Far": leaf()}, {"Far": leaf(unit="m")})
    [effect] = [e for e in found.apps if e.user == "ours"]
    assert (effect.signal, effect.breaks) == (path, breaks)
    assert told in effect.what


def test_a_map_whose_codes_do_not_fit_any_more_loses_its_rows(tmp_path: Path) -> None:
    path = "Vehicle.LowVoltageSystemState"
    states = ["LOCK", "OFF", "ACC", "ON", "START"]
    a = {"LowVoltageSystemState": leaf("string", None, allowed=states)}
    b = {"LowVoltageSystemState": leaf("string", None, allowed=["RUNNING"])}
    assert any(e.signal == path and e.breaks for e in compared(tmp_path, a, b).maps)


def test_bad_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"vss7.json: no such file; expected a VSS JSON file, an overlay in YAML"):
        read(str(tmp_path / "vss7.json"))
    (tmp_path / "no.json").write_text("[]")
    with pytest.raises(VocabularyError, match=r"no\.json"):
        read(str(tmp_path / "no.json"))


@pytest.mark.skipif(not VSS.exists(), reason=f"{VSS} is not there")
def test_from_5_0_to_6_0() -> None:
    found = difference(read(str(VSS / "vss_5.0.json")), read(str(VSS / "vss_6.0.json")), Catalogue())
    assert len(found.removed) + len(found.renamed) == 317
    assert len(found.added) + len(found.renamed) == 503
    assert len({c.signal for c in found.changed}) == 32
    distance = {c.key: (c.before, c.after) for c in found.changed if c.signal == "Vehicle.TraveledDistance"}
    assert distance == {"datatype": ("float", "uint32"), "unit": ("km", "m")}
    seat = "Vehicle.Cabin.Seat.Row1.DriverSide.Backrest."
    assert (seat + "Lumbar.Height", seat + "LumbarHeight") in {(r.signal, r.to) for r in found.renamed}
    assert "nissan/leaf-aze0" in {e.user for e in found.maps if e.signal == "Vehicle.TraveledDistance"}


@pytest.mark.skipif(not VSS.exists(), reason=f"{VSS} is not there")
def test_the_built_in_vocabulary_is_6_0() -> None:
    found = difference(read(str(VSS / "vss_6.0.json")), read("built-in"), Catalogue())
    assert found[2:] == ((), (), (), (), (), ())


OVERLAY = """
Vehicle.TraveledDistance: {datatype: float, type: sensor, unit: km}
Vehicle.Cabin.Aroma: {type: branch, instances: ["Row[1,2]"]}
Vehicle.Cabin.Aroma.IsOn: {datatype: boolean, type: actuator}
"""


def overlaid(tmp_path: Path, text: str, name: str = "ours.vspec") -> str:
    (tmp_path / name).write_text(text)
    return str(tmp_path / name)


def test_an_overlay_is_laid_over_the_built_in_tree(tmp_path: Path) -> None:
    found = difference(read("built-in"), read(overlaid(tmp_path, OVERLAY)), Catalogue())
    assert found.added == ("Vehicle.Cabin.Aroma.Row1.IsOn", "Vehicle.Cabin.Aroma.Row2.IsOn")
    assert {(c.signal, c.key, c.after) for c in found.changed if c.key == "unit"} == {
        ("Vehicle.TraveledDistance", "unit", "km")
    }


def test_two_overlays_are_compared(tmp_path: Path) -> None:
    a, b = overlaid(tmp_path, OVERLAY), overlaid(tmp_path, OVERLAY.replace("boolean", "uint8"), "theirs.yaml")
    found = difference(read(a), read(b), Catalogue())
    assert {(c.signal, c.before, c.after) for c in found.changed} == {
        (f"Vehicle.Cabin.Aroma.Row{row}.IsOn", "boolean", "uint8") for row in (1, 2)
    }


WRONG_OVERLAYS = {
    "aliases": ("a: &a [1]\nb: *a\n", "aliases are not taken"),
    "a path twice": ("A.B: {type: sensor}\nA.B: {type: sensor}\n", "A.B is defined twice"),
    "a leaf below a leaf": (
        "A.B: {type: sensor, datatype: float}\nA.B.C: {type: sensor, datatype: float}\n", "A.B.C' lies below a leaf",
    ),
    "no paths": ("- 1\n", "expected paths such as Vehicle.Speed"),
    "no YAML": ("{", "not an overlay in YAML"),
    "an unknown datatype": ("A.B: {type: sensor, datatype: real}\n", "A.B: datatype: expected one of"),
    "an object of a program": ("A: !!python/object/apply:os.getcwd []\n", "not an overlay in YAML"),
    "nesting without end": ("[" * 100_000, "not an overlay in YAML"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG_OVERLAYS)
def test_a_wrong_overlay_is_refused(what: str, tmp_path: Path) -> None:
    text, told = WRONG_OVERLAYS[what]
    with pytest.raises(VocabularyError) as refused:
        read(overlaid(tmp_path, text))
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
