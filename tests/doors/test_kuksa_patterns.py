"""The wildcard rules of KUKSA: paths, branches, one level, any number of levels."""

import pytest

from renkei.doors.kuksa.patterns import matching
from renkei.vocabulary import Signal, Vocabulary

ROOF = ["Position", "Shade.Position", "Shade.Switch", "Switch"]
PATHS = ["Vehicle.Speed", "Vehicle.SpeedLimit", *(f"Vehicle.Cabin.Sunroof.{leaf}" for leaf in ROOF)]
VOCABULARY = Vocabulary([Signal(0, path, "sensor", "float") for path in PATHS], "test")
POSITION, SHADE_POSITION, SHADE_SWITCH, SWITCH = PATHS[2:]

MATCHES = {
    "": PATHS,
    '""': PATHS,
    "**": PATHS,
    "Vehicle": PATHS,
    "Vehicle.Speed": ["Vehicle.Speed"],
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
    "**.Sunroof": [],
    "*.Sunroof": [],
    "Sunroof": [],
    "Vehicle.Cabin.Sun": [],
}


@pytest.mark.parametrize(("pattern", "paths"), MATCHES.items())
def test_a_pattern_stands_for(pattern, paths):
    assert [s.path for s in matching(VOCABULARY, pattern)] == paths


@pytest.mark.parametrize("pattern", [".", "Vehicle.", ".Vehicle", "Vehicle..Speed", "Veh*cle", "Vehicle.***", "a.*b"])
def test_malformed(pattern):
    assert matching(VOCABULARY, pattern) is None


def test_many_wildcards_take_no_time():
    assert matching(VOCABULARY, ".".join(["**"] * 300 + ["Nothing"])) == []
    assert matching(VOCABULARY, ".".join(["**", "*"] * 150)) == []
