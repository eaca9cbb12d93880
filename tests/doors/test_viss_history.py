"""What signals were, over VISS, and what a data point says of itself."""

import time

import pytest
from open_viss import FIRST, SECOND, OpenViss, check, error, v3

from renkei.broker.datapoint import Datapoint
from renkei.broker.past import STEP_NS
from renkei.samples import STALE

SPEED, TRACK = "Vehicle.Speed", "Vehicle.Cabin.Infotainment.Media.Played.Track"
HOUR = v3("history", "PT1H")


@pytest.fixture
def door():
    opened = OpenViss()
    yield opened
    opened.close()


def drive(door, *speeds, t_ns=1_000_000_000):
    for n, speed in enumerate(speeds):
        door.publish({SPEED: speed}, t_ns=t_ns + n)
        time.sleep(STEP_NS / 1e9)


def test_former_values_come_oldest_first_with_the_time_of_their_source(door):
    drive(door, 1.0, None, 3.0, 4.0)
    answer = door.connect().ask("get", SPEED, filter=HOUR)["data"]
    assert answer["path"] == SPEED
    assert [p["value"] for p in answer["dp"]] == ["1.0", "viss-inline:Data-not-available", "3.0"]
    assert answer["dp"][0]["ts"] == "1970-01-01T00:00:01.000000Z"
    assert [p["receivedTs"] for p in answer["dp"]] == sorted(p["receivedTs"] for p in answer["dp"])


def test_only_the_period_that_was_asked_for(door):
    drive(door, 1.0, 2.0)
    time.sleep(1.1)
    drive(door, 3.0, 4.0)
    client = door.connect()
    assert len(client.ask("get", SPEED, filter=HOUR)["data"]["dp"]) == 3
    assert [p["value"] for p in client.ask("get", SPEED, filter=v3("history", "PT1S"))["data"]["dp"]] == ["3.0"]


def freely(door):
    """A client whose requests are not held to the schema, which misses the pair of filters that the text demands."""
    client = door.connect()
    client._holds = False
    return client


def test_search_paths_leave_out_what_has_no_past(door):
    drive(door, 1.0, 2.0)
    stated = [v3("paths", ["Speed", "Cabin.*"]), HOUR]
    client = freely(door)
    answer = client.ask("get", "Vehicle", filter=stated)
    check(answer)
    assert answer["data"]["path"] == SPEED
    assert door.get("/Vehicle/Speed", **HOUR)[1]["data"]["dp"][0]["value"] == "1.0"


def test_each_car_has_its_own_past(door):
    drive(door, 1.0, 2.0)
    assert error(door.connect(f"/vehicles/{SECOND}").ask("get", SPEED, filter=HOUR)) == ("404", "unavailable_data")
    assert error(door.connect().ask("get", "Server.Support.Filter", filter=HOUR)) == ("404", "unavailable_data")


def test_an_answer_about_the_past_is_bounded(door):
    numbers = [s.index for s in door.vocabulary if s.datatype == "float" and s.kind == "sensor"][:20]

    def keep():
        now_ns = time.time_ns()
        for index in numbers:
            past = door.broker._state(FIRST).past
            past.keep(index, Datapoint(None, 0, 0))
            for n in range(1000, 0, -1):
                past.keep(index, Datapoint(1.0, 0, now_ns - n * STEP_NS))

    door.call(keep)
    answer = freely(door).ask("get", "Vehicle", filter=[v3("paths", ["*"]), HOUR])
    assert error(answer) == ("429", "too_many_requests")


def test_a_value_names_its_source_and_why_it_is_missing(door):
    index = door.index(SPEED)
    door.call(door.broker.publish, FIRST, [(index, 1.0, 0)], None, "live on can0")
    point = door.connect().ask("get", SPEED)["data"]["dp"]
    assert (point["value"], point["source"], "quality" in point) == ("1.0", "live on can0", False)
    door.call(door.broker.publish, FIRST, [(index, STALE, 0)], None, "live on can0")
    point = door.connect().ask("get", SPEED)["data"]["dp"]
    assert (point["value"], point["quality"]) == ("viss-inline:Data-not-available", "stale")


def test_a_client_learns_how_many_values_it_lost(door):
    client = door.connect()
    client.subscribe(SPEED, v3("change", {"logic-op": "ne", "diff": "0"}))
    door.call(lambda: [door.broker.publish(FIRST, [(door.index(SPEED), float(n), 0)]) for n in range(1, 101)])
    event = client.event()
    assert (event["data"]["dp"]["value"], event["lost"]) == ("100.0", "35")
