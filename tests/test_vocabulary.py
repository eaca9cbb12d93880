"""The built-in vocabulary against VSS itself, what a Signal admits, patterns, and VSS files of every kind."""

import json
import math
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renkei.errors import InputError, UnknownName, ValueRefused, VocabularyError
from renkei.vocabulary import DATATYPES, FLOAT32_MAX, INTEGERS, KINDS, Signal, Vocabulary, builtin, load, overlay

VSS = Path(__file__).resolve().parents[2] / "shared/data/vss"
FACTS = ("kind", "datatype", "unit", "minimum", "maximum", "allowed", "default", "pattern")


def vss_file(version):
    file = VSS / f"vss_{version}.json"
    if not file.is_file():
        pytest.skip(f"no {file.name}: VSS files are not part of the repository")
    return file


# --- the built-in vocabulary -----------------------------------------------------------------------------------------


def test_the_built_in_vocabulary_is_vss_6_and_the_overlay():
    words = builtin()
    added = {s.path for s in overlay()}
    assert (len([s for s in words if s.path not in added]), words.version) == (1267, "6.0")
    assert [s.index for s in words] == list(range(len(words)))
    assert all(s.description for s in words if s.path in added)


def test_overlay_ranges_stand_for_one_signal_each():
    modules = [s.path for s in overlay() if s.path.endswith(".StateOfHealth") and ".Module." in s.path]
    branch = "Vehicle.Powertrain.TractionBattery.Module"
    assert modules == [f"{branch}.Module{n}.StateOfHealth" for n in range(1, 49)]


def test_every_signal_can_be_hashed_and_admits_its_own_bounds():
    for signal in builtin():
        hash(signal)
        for value in filter(None, (signal.minimum, signal.maximum)):
            signal.check([value] if signal.is_array else value)
    assert builtin()["Vehicle.Cabin.SeatPosCount"].default == (2, 3)


def test_a_misspelt_path_names_the_nearest():
    with pytest.raises(UnknownName, match=r"unknown signal 'Vehicle.Sped'; did you mean 'Vehicle.Speed'\?"):
        builtin()["Vehicle.Sped"]
    assert builtin().get("Vehicle.Sped") is None


def test_built_in_facts_are_those_of_the_vss_6_file():
    theirs = load(vss_file("6.0"))
    assert [s.path for s in theirs] == [s.path for s in builtin()]
    for ours, other in zip(builtin(), theirs, strict=True):
        assert {f: getattr(ours, f) for f in FACTS} == {f: getattr(other, f) for f in FACTS}, ours.path


@pytest.mark.parametrize(("version", "leaves"), [("4.0", 910), ("5.0", 1081), ("6.0", 1267)])
def test_a_whole_vss_tree_loads_with_the_overlay(version, leaves):
    tree = load(vss_file(version))
    assert tree.version == f"{version}.0"
    assert all(s.path in tree for s in overlay())
    assert len(tree) - leaves == len({s.path for s in overlay()})
    assert tree["Vehicle.Speed"].description != ""


# --- what a Signal admits --------------------------------------------------------------------------------------------


def signal(datatype, **facts):
    return Signal(0, "Vehicle.X", "sensor", datatype, **facts)


TAKEN = {
    "the ends of a width": (signal("uint8"), [0, 255]),
    "64 bits whole": (signal("uint64"), [2**64 - 1]),
    "a whole number for a float": (signal("float"), [3]),
    "the largest 32-bit float": (signal("float"), [FLOAT32_MAX, -FLOAT32_MAX]),
    "more than that in a double": (signal("double"), [1e300]),
    "both bounds": (signal("float", minimum=-1, maximum=2.5), [-1, 2.5]),
    "an allowed name": (signal("string", allowed=("ON", "OFF")), ["ON"]),
    "an allowed number": (signal("uint8", allowed=(1, 3)), [3]),
    "a text that its pattern describes": (signal("string", pattern="[A-Z]{2}"), ["AB"]),
    "an empty list": (signal("uint8[]"), [[]]),
    "a list within bounds": (signal("uint8[]", maximum=9), [[1, 9]]),
    "a tuple": (signal("string[]"), [("a", "b")]),
    "true and false": (signal("boolean"), [True, False]),
}


@pytest.mark.parametrize(("taker", "values"), TAKEN.values(), ids=TAKEN)
def test_taken(taker, values):
    for value in values:
        assert taker.check(value) == (list(value) if taker.is_array else value)


REFUSED = {
    "one below the width": (signal("uint8"), -1, "range", "uint8, 0 to 255"),
    "one above the width": (signal("int16"), 32768, "range", "int16, -32768 to 32767"),
    "a float for an integer": (signal("int8"), 1.0, "type", "a whole number (int8)"),
    "true for a number": (signal("uint8"), True, "type", "a number (uint8)"),
    "a text for a number": (signal("float"), "1", "type", "a number (float)"),
    "NaN": (signal("double"), math.nan, "type", "a finite number"),
    "infinity": (signal("float"), -math.inf, "type", "a finite number"),
    "a number no double holds": (signal("double"), 10**400, "type", "a finite number"),
    "too much for 32 bits": (signal("float"), 1e39, "range", "a number that fits 32-bit floating point"),
    "below the minimum": (signal("int8", minimum=0, unit="km"), -1, "range", "at least 0 km"),
    "above the maximum": (signal("float", maximum=2), 2.1, "range", "at most 2"),
    "out of both bounds": (signal("float", minimum=-1, maximum=2, unit="V"), 3, "range", "-1 to 2 V"),
    "a name that is not allowed": (signal("string", allowed=("ON", "OFF")), "on", "allowed", "one of ON, OFF"),
    "a text beside its pattern": (signal("string", pattern="[A-Z]{2}"), "ABC", "allowed", "text of the form [A-Z]{2}"),
    "a number for a text": (signal("string"), 5, "type", "text"),
    "1 for true": (signal("boolean"), 1, "type", "true or false"),
    "nothing": (signal("float"), None, "type", "a number (float)"),
    "one value for a list": (signal("uint8[]"), 5, "type", "a list of uint8"),
    "a text for a list of texts": (signal("string[]"), "ab", "type", "a list of string"),
    "a bad element": (signal("uint8[]", maximum=9), [1, 10], "range", "at most 9"),
    "a list in a list": (signal("uint8[]"), [[1]], "type", "a number (uint8)"),
}


@pytest.mark.parametrize(("taker", "value", "why", "expected"), REFUSED.values(), ids=REFUSED)
def test_refused(taker, value, why, expected):
    with pytest.raises(ValueRefused) as refused:
        taker.check(value)
    assert refused.value.why == why
    assert str(refused.value).startswith(f"Vehicle.X: expected {expected}, got ")
    with pytest.raises(ValueRefused):
        taker.wire(value if not isinstance(value, float) else math.nan)


ROUNDED = {
    "half down to even": ("int8", 0.5, 0),
    "half up to even": ("int8", 1.5, 2),
    "negative half": ("int16", -2.5, -2),
    "no half": ("uint8", 254.51, 255),
    "a little below nothing": ("uint8", -0.4, 0),
    "each element": ("int8[]", [0.5, 1.5, 3.0], [0, 2, 3]),
    "floats as they are": ("float", 0.5, 0.5),
    "one as true": ("boolean", 1.0, True),
    "names as they are": ("string", "ON", "ON"),
}


@pytest.mark.parametrize(("datatype", "value", "wired"), ROUNDED.values(), ids=ROUNDED)
def test_wire_rounds_half_to_even(datatype, value, wired):
    got = signal(datatype).wire(value)
    assert got == wired
    assert type(got) is type(wired)


def test_wire_refuses_what_rounds_out_of_the_width():
    with pytest.raises(ValueRefused, match="uint8, 0 to 255"):
        signal("uint8").wire(255.5)
    with pytest.raises(ValueRefused, match="true or false, got "):
        signal("boolean").wire(0.5)


ANYTHING = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=3),
    st.none(),
    st.sampled_from([0, 1, 255]),
)
BOUNDS = st.none() | st.integers(-300, 300) | st.floats(-300, 300)


@st.composite
def signals(draw):
    datatype = draw(st.sampled_from(sorted(DATATYPES))) + draw(st.sampled_from(["", "[]"]))
    if datatype.removesuffix("[]") in ("string", "boolean"):
        return signal(datatype)
    low, high = draw(BOUNDS), draw(BOUNDS)
    return signal(datatype, minimum=low, maximum=high)


@given(signals(), st.one_of(ANYTHING, st.lists(ANYTHING, max_size=3)))
def test_what_is_admitted_fits_the_datatype_and_the_bounds_and_is_admitted_again(taker, value):
    try:
        wired = taker.wire(value)
    except ValueRefused:
        with pytest.raises(ValueRefused):
            taker.check(value)
        return
    assert taker.check(wired) == wired == taker.wire(wired)
    for one in wired if taker.is_array else [wired]:
        if taker.scalar in INTEGERS:
            low, high = INTEGERS[taker.scalar]
            assert type(one) is int
            assert low <= one <= high
        else:
            assert type(one) is {"boolean": bool, "string": str}.get(taker.scalar, float)
        if taker.scalar in ("float", "double"):
            assert math.isfinite(one)
        if taker.minimum is not None:
            assert one >= taker.minimum
        if taker.maximum is not None:
            assert one <= taker.maximum


# --- patterns --------------------------------------------------------------------------------------------------------

ROOF = ["Position", "Shade.Position", "Shade.Switch", "Switch"]
PATHS = ["Vehicle.Speed", "Vehicle.SpeedLimit", *(f"Vehicle.Cabin.Sunroof.{leaf}" for leaf in ROOF)]
SMALL = Vocabulary([Signal(0, path, "sensor", "float") for path in PATHS], "test")
POSITION, SHADE_POSITION, SHADE_SWITCH, SWITCH = PATHS[2:]

MATCHES = {
    "": PATHS,
    "**": PATHS,
    "Vehicle": PATHS,
    "Vehicle.Speed": ["Vehicle.Speed"],
    "Vehicle.Speed.**": ["Vehicle.Speed"],
    "Vehicle.*": ["Vehicle.Speed", "Vehicle.SpeedLimit"],
    "Vehicle.Cabin.Sunroof": PATHS[2:],
    "Vehicle.Cabin.Sunroof.**": PATHS[2:],
    "Vehicle.Cabin.Sunroof.*": [POSITION, SWITCH],
    "Vehicle.Cabin.Sunroof.*.Position": [SHADE_POSITION],
    "**.Sunroof.*.Position": [SHADE_POSITION],
    "*.*.*.*.Position": [SHADE_POSITION],
    "Vehicle.Cabin.Sunroof.**.Position": [POSITION, SHADE_POSITION],
    "Vehicle.**.**.**.Position": [POSITION, SHADE_POSITION],
    "**.Sunroof.**": PATHS[2:],
    "**.*": PATHS,
    "**.Sunroof": [],
    "*.Sunroof": [],
    "Sunroof": [],
    "Vehicle.Cabin.Sun": [],
    "Vehicle.Cabin.Sun.**": [],
}


@pytest.mark.parametrize(("pattern", "paths"), MATCHES.items())
def test_a_pattern_stands_for(pattern, paths):
    assert [s.path for s in SMALL.branch(pattern)] == paths


@pytest.mark.parametrize("pattern", [".", "Vehicle.", ".Vehicle", "Vehicle..Speed", "Veh*cle", "Vehicle.***", "a.*b"])
def test_a_malformed_pattern_is_refused(pattern):
    with pytest.raises(InputError, match="expected levels joined by"):
        SMALL.branch(pattern)


LEVELS = st.sampled_from("ab")


@given(
    st.lists(LEVELS, min_size=1, max_size=6), st.lists(st.sampled_from(["a", "b", "*", "**"]), min_size=1, max_size=7)
)
def test_patterns_mean_what_their_definition_says(levels, steps):
    def fits(levels, steps):
        if not steps:
            return not levels
        if steps[0] == "**":
            return any(fits(levels[n:], steps[1:]) for n in range(len(levels) + 1))
        return bool(levels) and steps[0] in ("*", levels[0]) and fits(levels[1:], steps[1:])

    tree = Vocabulary([Signal(0, ".".join(levels), "sensor", "float")], "test")
    if any("*" in step for step in steps):
        assert bool(tree.branch(".".join(steps))) == fits(levels, steps)


def test_no_pattern_takes_long():
    deep = Vocabulary([Signal(0, "a." * 40 + "b", "sensor", "float")], "test")
    start = time.perf_counter()
    assert builtin().branch(".".join(["**"] * 300 + ["Nothing"])) == []
    assert builtin().branch(".".join(["**", "*"] * 150)) == []
    assert deep.branch(".".join(["**", "a"] * 20 + ["Nothing"])) == []
    assert time.perf_counter() - start < 2


# --- VSS files -------------------------------------------------------------------------------------------------------


def tree(children, **node):
    return {"Vehicle": {"type": "branch", "children": children, **node}}


def write(folder, content):
    file = folder / "vss.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def paths_of(vocabulary):
    added = {s.path for s in overlay()}
    return [s.path for s in vocabulary if s.path not in added]


SPEED = {"type": "sensor", "datatype": "float", "unit": "km/h", "description": "How fast."}
UNEXPANDED = {
    "a range": ("Row[1,2]", ["Row1", "Row2"]),
    "a range in a list": (["Row[1,2]"], ["Row1", "Row2"]),
    "names": (["Left", "Right"], ["Left", "Right"]),
    "a range of names": (["Row[2,3]", ["Left", "Right"]], ["Row2.Left", "Row2.Right", "Row3.Left", "Row3.Right"]),
    "two ranges": (["Row[1,1]", "Pos[1,2]"], ["Row1.Pos1", "Row1.Pos2"]),
    "one name": ("Left", ["Left"]),
}


@pytest.mark.parametrize(("instances", "steps"), UNEXPANDED.values(), ids=UNEXPANDED)
def test_instances_that_were_not_expanded(tmp_path, instances, steps):
    door = {
        "type": "branch",
        "instances": instances,
        "children": {"IsOpen": {"type": "actuator", "datatype": "boolean"}},
    }
    assert paths_of(load(write(tmp_path, tree({"Door": door})))) == [f"Vehicle.Door.{step}.IsOpen" for step in steps]


def test_what_a_leaf_says_is_kept(tmp_path):
    leaf = SPEED | {"min": -1.5, "max": 9, "allowed": [1, 2], "default": [1], "pattern": "a+", "comment": "x"}
    (got,) = (s for s in load(write(tmp_path, tree({"Speed": leaf}))) if s.path == "Vehicle.Speed")
    assert {f: getattr(got, f) for f in FACTS} == {
        "kind": "sensor", "datatype": "float", "unit": "km/h", "minimum": -1.5, "maximum": 9, "allowed": (1, 2),
        "default": (1,), "pattern": "a+",
    }  # fmt: skip
    assert got.description == "How fast."


def test_a_tree_without_a_version_is_named_after_its_file(tmp_path):
    file = write(tmp_path, tree({"Speed": SPEED}))
    assert load(file).version == str(file)


DEEP: dict = dict(SPEED)
for _ in range(50):
    DEEP = {"type": "branch", "children": {"A": DEEP}}

ENDLESS: dict = {"type": "branch", "children": {}}
for _ in range(9):
    ENDLESS = {"type": "branch", "instances": "Row[1,100]", "children": {"A": ENDLESS}}
ENDLESS = {"Vehicle": ENDLESS}

WRONG = {
    "not JSON": ("Vehicle:\n  type: branch\n", "not a VSS tree in JSON: Expecting value"),
    "empty": ("", "not a VSS tree in JSON: Expecting value"),
    "cut off": ('{"Vehicle": {"type"', "not a VSS tree in JSON"),
    "a list": ("[]", "expected a VSS tree, an object with one branch such as Vehicle"),
    "a number below the root": ('{"Vehicle": 1}', "expected a VSS tree, an object"),
    "no leaf": (tree({}), "no leaf found; expected a VSS tree such as"),
    "nothing": ("{}", "no leaf found"),
    "brackets without end": ("[" * 200_000, "not a VSS tree in JSON"),
    "50 levels": ({"Vehicle": DEEP}, "the tree is more than 40 levels deep"),
    "children in a list": (tree([SPEED]), "Vehicle: children: expected an object, got ["),
    "a child that is a text": (tree({"Speed": "float"}), "Vehicle: Speed: expected an object, got 'float'"),
    "no type": (tree({"Speed": {}}), "Vehicle.Speed: type: expected branch or one of sensor, actuator, attribute, got"),
    "another type": (tree({"S": {"type": "struct"}}), "Vehicle.S: type: expected branch or one of"),
    "a type that is a list": (tree({"S": {"type": []}}), "Vehicle.S: type: expected branch or one of"),
    "no datatype": (tree({"S": {"type": "sensor"}}), "Vehicle.S: datatype: expected one of boolean, double, "),
    "another datatype": (tree({"S": SPEED | {"datatype": "int128"}}), "datatype: expected one of"),
    "a datatype that is a list": (tree({"S": SPEED | {"datatype": ["float"]}}), "got ['float']"),
    "a minimum in words": (tree({"S": SPEED | {"min": "0"}}), "min: expected a number of at most 1.8e308, got '0'"),
    "a maximum that is true": (tree({"S": SPEED | {"max": True}}), "max: expected a number of at most 1.8e308"),
    "a minimum that is NaN": (tree({"S": SPEED | {"min": math.nan}}), "min: expected a number of at most 1.8e308"),
    "a unit that is a number": (tree({"S": SPEED | {"unit": 5}}), "Vehicle.S: unit: expected a text, got 5"),
    "a pattern that is none": (tree({"S": SPEED | {"pattern": "("}}), "pattern: expected a regular expression"),
    "a maximum of 400 digits": (tree({"S": SPEED | {"max": 10**400}}), "Vehicle.S: max: expected a number of at most"),
    "a maximum of 5000 digits": (
        '{"Vehicle": {"type": "branch", "children": {"S": {"max": %s}}}}' % ("9" * 5000), "not a VSS tree in JSON",
    ),
    "a minimum above the maximum": (tree({"S": SPEED | {"min": 2, "max": 1}}), "min: expected at most the maximum, 1"),
    "half a character in a unit": (tree({"S": SPEED | {"unit": "\ud800"}}), "unit: expected a text, got '\\ud800'"),
    "half a character in a description": (tree({"S": SPEED | {"description": "\udfff"}}), "description: expected a"),
    "half a character in a name": (tree({"\ud800": SPEED}), "expected a name of letters, digits and _"),
    "half a character in a key": (tree({"\ud800": 5}), "\\ud800: expected an object, got 5"),
    "half a character in a default": (tree({"S": SPEED | {"default": ["\ud800"]}}), "default: expected a value"),
    "a default without end": (tree({"S": SPEED | {"default": math.inf}}), "default: expected a value"),
    "texts allowed for a number": (tree({"S": SPEED | {"allowed": ["ON"]}}), "allowed: expected values of datatype fl"),
    "numbers allowed for a text": (
        tree({"S": SPEED | {"datatype": "string[]", "allowed": ["ON", 1]}}),
        "allowed: expected values of datatype string, got 1",
    ),
    "allowed that is too wide": (
        tree({"S": SPEED | {"datatype": "uint8", "allowed": [256]}}), "allowed: expected values of datatype uint8",
    ),
    "a pattern that later versions may read otherwise": (tree({"S": SPEED | {"pattern": "[[a]"}}), "pattern: expected"),
    "a long name": (tree({"S" * 2000: SPEED}), "expected a path of at most 1,000 characters"),
    "two leaves that case tells apart": (
        tree({"Speed": SPEED, "speed": SPEED}), "Vehicle.speed differs from Vehicle.Speed in case only",
    ),
    "more leaves than a car has": (
        tree({f"S{n}": SPEED for n in range(30)}, instances="Row[1,8000]"), "more than 100,000 branches and leaves",
    ),
    "branches without end": (ENDLESS, "more than 100,000 branches and leaves"),
    "allowed as a text": (tree({"S": SPEED | {"allowed": "ON"}}), "allowed: expected a list of values, got 'ON'"),
    "allowed lists in lists": (tree({"S": SPEED | {"allowed": [[1]]}}), "allowed: expected a list of values"),
    "a default that is an object": (tree({"S": SPEED | {"default": {}}}), "default: expected a value or a list"),
    "instances of nothing": (tree({"S": SPEED}, instances=5), "Vehicle: instances: expected names or Row[1,2]"),
    "instances by object": (tree({"S": SPEED}, instances=[{}]), "Vehicle: instances: expected names or Row[1,2]"),
    "a range without end": (tree({"S": SPEED}, instances="Row[1,999999999]"), "10000 at most"),
    "ranges in ranges": (tree({"S": SPEED}, instances=["R[1,200]"] * 3), "10000 at most"),
    "a range the wrong way round": (tree({"S": SPEED}, instances="Row[2,1]"), "instances: expected names"),
    "a dot in a name": (tree({"A.B": SPEED}), "Vehicle.A.B: expected a name of letters, digits and _"),
    "a star in a name": (tree({"*": SPEED}), "expected a name of letters, digits and _"),
    "a leaf that comes twice": (
        '{"Vehicle": {"type": "branch", "children": {"S": %s, "S": %s}}}' % ((json.dumps(SPEED),) * 2),
        "'S' is defined twice",
    ),
    "a leaf that instances make twice": (
        tree({"A": {"type": "branch", "instances": ["L", "L"], "children": {"S": SPEED}}}),
        "Vehicle.A.L.S is defined twice",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "sentence"), WRONG.values(), ids=WRONG)
def test_a_file_that_is_no_vss_tree(tmp_path, content, sentence):
    file = write(tmp_path, content)
    with pytest.raises(VocabularyError) as wrong:
        load(file)
    text = str(wrong.value)
    assert text.startswith(f"{file}: ")
    assert sentence in text
    assert len(text.removeprefix(str(file))) < 500
    assert "\n" not in text


def test_no_file_and_no_text(tmp_path):
    with pytest.raises(VocabularyError, match="No such file"):
        load(tmp_path / "none.json")
    with pytest.raises(VocabularyError, match="Is a directory"):
        load(tmp_path)
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(VocabularyError, match="not a VSS tree in JSON"):
        load(tmp_path / "binary.json")


NAMES = st.sampled_from(["A", "a", "B.C", "*", "", "\ud800", "Ä"]) | st.text(max_size=3)
NUMBERS = st.integers(-5, 5) | st.floats() | st.just(10**400) | st.just(-(10**400))
ODD = st.none() | st.booleans() | NUMBERS | st.text(max_size=3) | st.sampled_from(["\ud800", "(", "Row[1,2]", "[[a]"])
SAID = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS) | ODD, "datatype": st.sampled_from(sorted(DATATYPES)) | ODD},
    optional={
        **dict.fromkeys(("min", "max"), NUMBERS | ODD),
        **dict.fromkeys(("allowed", "default"), st.lists(NUMBERS | ODD, max_size=3) | ODD),
        **dict.fromkeys(("unit", "pattern", "description", "instances"), ODD),
    },
)
TREES = st.recursive(
    SAID | ODD,
    lambda below: st.fixed_dictionaries(
        {"type": st.just("branch"), "children": st.dictionaries(NAMES, below, max_size=3) | ODD},
        optional={"instances": st.lists(st.sampled_from(["L", "L", "Row[1,2]", "R[3,1]"]) | ODD, max_size=3) | ODD},
    ),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, TREES, max_size=2) | TREES, ODD)
def test_whatever_a_tree_holds_it_is_read_or_refused_in_one_line(tmp_path, content, value):
    told = ""
    read: Vocabulary | tuple[()] = ()
    try:
        read = load(write(tmp_path, json.dumps(content)))
    except VocabularyError as e:
        told = str(e)
    for signal in read:
        told += f"{signal.path}{signal.unit}{signal.description}{signal.default}{signal.allowed}".replace("\n", "")
        with suppress(ValueRefused):
            signal.wire([value] if signal.is_array else value)
    assert told.encode()
    assert "\n" not in told


def test_the_overlay_gives_way_to_what_a_tree_has_in_its_place(tmp_path):
    leaf, branch = SPEED, {"type": "branch", "children": {"Inner": SPEED}}
    read = load(write(tmp_path, tree({"Chassis": leaf, "SpeedDisplayed": branch, "powertrain": leaf})))
    places = ("vehicle.chassis", "vehicle.power", "vehicle.speed")
    assert [s.path for s in read if s.path.lower().startswith(places)] == [
        "Vehicle.Chassis", "Vehicle.SpeedDisplayed.Inner", "Vehicle.powertrain",
    ]  # fmt: skip


def test_a_file_may_begin_with_a_mark_of_byte_order(tmp_path):
    file = write(tmp_path, tree({"Speed": SPEED}))
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert "Vehicle.Speed" in load(file)
