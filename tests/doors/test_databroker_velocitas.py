"""A vehicle app on the unmodified Velocitas SDK, in an environment and a process of its own, against our door."""

import pytest
from databroker_stub import DatabrokerStub, point
from provider_stub import ProviderStub
from velocitas_venv import VelocitasApp

SPEED = "Vehicle.Speed"
LIMIT = "Vehicle.Powertrain.TractionBattery.Charging.ChargeLimit"
WIPER = "Vehicle.Body.Windshield.Front.Wiping.Mode"


@pytest.fixture
def app(door, port):
    with VelocitasApp(port) as running:
        yield running
    door.wait_unwatched()
    door.wait_unwatched()
    assert door.call(door.broker.watchers, "one") == ()


def test_an_app_gets_sets_and_subscribes(door, port, app):
    assert app.hear("speed") == {"speed": 0.0, "limit": 0}  # this SDK shows 0 for what is not available
    door.wait_watched()
    door.wait_watched()
    door.publish(Speed=42.5)
    assert app.hear("speed") == {"speed": 42.5, "limit": 0}
    with ProviderStub(port).provide_actuators(LIMIT, WIPER) as provider:
        assert app.do("set 80", "set") == {"set": 80}
        assert [value for _, value in provider.asked()] == [80]
        assert app.do("both 70 SLOW", "set") == {"set": [70, "SLOW"]}
        assert {value for _, value in provider.asked()} == {70, "SLOW"}
    with DatabrokerStub(port) as feeder:
        for limit in (95, 95, 85, 96):
            assert feeder.update({door.vocabulary[LIMIT].index: point(uint32_value=limit)}) == {}
    assert [app.hear("high"), app.hear("high")] == [{"high": 95}, {"high": 96}]
    assert app.do("get", "got_speed") == {"got_speed": 42.5, "got_limit": 96}
    assert "set target value for non-actuator Vehicle.Speed" in app.do("wrong", "error")["error"]
