"""The unmodified KUKSA Python client (package kuksa-client) and its command line against our door."""

import asyncio
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kuksa_client.grpc import (
    DataEntry,
    DataType,
    EntryType,
    EntryUpdate,
    Field,
    MetadataField,
    SubscribeEntry,
    View,
    VSSClient,
    VSSClientError,
)
from kuksa_client.grpc import Datapoint as ClientDatapoint
from kuksa_client.grpc.aio import VSSClient as AioClient
from provider_stub import ProviderStub, record_claims

SPEED = "Vehicle.Speed"
CHARGE = "Vehicle.Powertrain.TractionBattery.Charging.ChargeLimit"
WIPER = "Vehicle.Body.Windshield.Front.Wiping.Mode"
COMMAND = Path(sys.executable).parent / "kuksa-client"
DEADLINE_S = 15


@pytest.fixture
def client(port):
    with VSSClient("127.0.0.1", port) as connected:
        yield connected


def test_current_values(door, client):
    door.publish(Speed=12.5, Cabin_DoorCount=5.0)
    values = client.get_current_values([SPEED, "Vehicle.Cabin.DoorCount", WIPER])
    assert (values[SPEED].value, values["Vehicle.Cabin.DoorCount"].value, values[WIPER]) == (12.5, 5, None)
    assert abs(values[SPEED].timestamp.timestamp() - time.time()) < 5


def test_metadata(client):
    charge = client.get_metadata([CHARGE])[CHARGE]
    assert (charge.data_type, charge.entry_type, charge.unit) == (DataType.UINT8, EntryType.ACTUATOR, "percent")
    assert (charge.value_restriction.min, charge.value_restriction.max) == (0, 100)
    assert client.get_metadata([SPEED], MetadataField.UNIT)[SPEED].unit == "km/h"


def test_server_info(client):
    assert client.get_server_info().name == "renkei"


def test_set_current_values(door, client):
    client.set_current_values({SPEED: ClientDatapoint(33.5), CHARGE: ClientDatapoint(70)})
    assert (door.latest(SPEED).value, door.latest(CHARGE).value) == (33.5, 70)


def test_an_array_comes_and_goes(door, client):
    client.set_current_values({"Vehicle.Cabin.SeatPosCount": ClientDatapoint("[2, 3, 2]")})
    assert door.latest("Vehicle.Cabin.SeatPosCount").value == [2, 3, 2]
    got = client.get_current_values(["Vehicle.Cabin.SeatPosCount"])
    assert list(got["Vehicle.Cabin.SeatPosCount"].value.values) == [2, 3, 2]


def test_errors_carry_the_codes_the_client_knows(client):
    with pytest.raises(VSSClientError) as e:
        client.get_current_values(["Vehicle.Sped"])
    assert (e.value.error["code"], e.value.error["reason"]) == (404, "not_found")
    with pytest.raises(VSSClientError) as e:
        client.set_current_values({CHARGE: ClientDatapoint(101)})
    assert "Value out of min/max bounds" in e.value.error["message"]
    with pytest.raises(VSSClientError) as e:
        client.set_target_values({CHARGE: ClientDatapoint(101)})
    assert (e.value.error["code"], e.value.error["reason"]) == (400, "bad_request")
    with pytest.raises(VSSClientError) as e:
        client.set_target_values({SPEED: ClientDatapoint(1.0)})
    assert e.value.error["reason"] == "invalid argument"


def test_subscribe(door, client):
    updates = client.subscribe_current_values([SPEED, CHARGE])
    assert {p: d.value for p, d in next(updates).items()} == {SPEED: None, CHARGE: None}
    door.publish(Speed=1.5)
    assert {p: d.value for p, d in next(updates).items()} == {SPEED: 1.5}


def test_subscribe_to_a_branch_expands_on_the_clients_side(door, client):
    first = next(client.subscribe_current_values(["Vehicle.CurrentLocation"]))
    assert set(first) == {s.path for s in door.vocabulary.branch("Vehicle.CurrentLocation")}


def test_subscribe_over_v1(door, client):
    updates = client.subscribe_metadata([SPEED], MetadataField.UNIT)
    assert next(updates)[SPEED].unit == "km/h"


def test_the_asyncio_client(door, port):
    async def session():
        async with AioClient("127.0.0.1", port) as client:
            await client.set_current_values({SPEED: ClientDatapoint(9.5)})
            values = await client.get_current_values([SPEED])
            unit = (await client.get_metadata([SPEED]))[SPEED].unit
            name = (await client.get_server_info()).name
            seen = []
            async for updates in client.subscribe_current_values([SPEED]):
                seen.append(updates[SPEED].value)
                if len(seen) == 2:
                    break
                await client.set_current_values({SPEED: ClientDatapoint(10.5)})
            return values[SPEED].value, unit, name, seen

    assert asyncio.run(session()) == (9.5, "km/h", "renkei", [9.5, 10.5])


def test_a_target_is_kept(door, client):
    client.set_target_values({CHARGE: ClientDatapoint(50)})
    assert client.get_target_values([CHARGE])[CHARGE].value == 50
    assert door.latest(CHARGE).value is None


def test_targets_reach_the_client_that_subscribes_to_them(door, client, port):
    """`subscribe_target_values` is a provider of v2 that has said all that it will ever say; `set` goes over v1."""

    claims = record_claims(door)

    async def session():
        async with AioClient("127.0.0.1", port) as acting:
            targets = acting.subscribe_target_values([CHARGE, WIPER])
            first = asyncio.ensure_future(anext(targets))
            await asyncio.to_thread(claims.get, timeout=DEADLINE_S)
            await asyncio.to_thread(
                client.set_target_values, {CHARGE: ClientDatapoint(50), WIPER: ClientDatapoint("SLOW")}
            )
            return {path: point.value for path, point in (await first).items()}

    assert asyncio.run(session()) == {CHARGE: 50, WIPER: "SLOW"}


def test_a_second_client_for_the_same_targets_is_refused(door, client, port):
    with ProviderStub(port) as provider:
        provider.provide_actuators(CHARGE)
        with pytest.raises(VSSClientError) as e:
            next(client.subscribe_target_values([CHARGE]))
    assert e.value.error["reason"] == "already exists"


def test_targets_over_v1_reach_a_subscriber_over_v1(door, client, port):
    entry = SubscribeEntry(CHARGE, View.TARGET_VALUE, (Field.ACTUATOR_TARGET,))
    updates = client.subscribe([entry])
    assert next(updates)[0].entry.actuator_target is None
    with VSSClient("127.0.0.1", port) as asking:
        asking.set_target_values({CHARGE: ClientDatapoint(50)})
    assert next(updates)[0].entry.actuator_target.value == 50


def test_set_over_v1(door, client):
    """What the client falls back to where a server has no v2."""
    update = EntryUpdate(DataEntry(SPEED, value=ClientDatapoint(33.5)), (Field.VALUE,))
    client.set([update])
    assert door.latest(SPEED).value == 33.5


def test_another_vehicle_by_port_and_by_metadata(door, port):
    door.publish("two", Speed=22.0)
    metadata = [("renkei-vehicle", "two")]
    with VSSClient("127.0.0.1", door.ports["two"]) as two, VSSClient("127.0.0.1", port) as one:
        assert two.get_current_values([SPEED])[SPEED].value == 22.0
        assert one.get_current_values([SPEED])[SPEED] is None
        assert one.get_current_values([SPEED], metadata=metadata)[SPEED].value == 22.0
        assert next(one.subscribe_current_values([SPEED], metadata=metadata))[SPEED].value == 22.0


def test_the_command_line(door, port, tmp_path):
    """getValue, setValue, getMetaData, an unknown path and a subscription, as typed by a user."""
    lines = [f"getValue {SPEED}", f"setValue {CHARGE} 55", f"getMetaData {CHARGE}", "getValue Vehicle.Sped"]
    door.publish(Speed=42.5)
    with subprocess.Popen(
        [COMMAND, f"grpc://127.0.0.1:{port}"],
        cwd=tmp_path, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        process.stdin.write("\n".join([*lines, f"subscribe {SPEED} -f", ""]))
        process.stdin.flush()
        door.wait_watched()
        door.publish(Speed=43.5)
        # This client throws the first message of a subscription away.
        (logged,) = subscription_log(tmp_path)
        out, _ = process.communicate("quit\n", timeout=DEADLINE_S)
    replies = [json.loads(text) for text in re.findall(r"^\{.*?^\}", re.sub(r"\x1b\[[0-9;]*m", "", out), re.S | re.M)]
    value, metadata, unknown, _subscribed = replies
    assert value["value"]["value"] == 42.5
    assert metadata["metadata"]["value_restriction"] == {"min": 0, "max": 100}
    assert unknown["error"]["code"] == 404
    assert door.latest(CHARGE).value == 55
    assert logged[0]["entry"]["value"]["value"] == 43.5


def subscription_log(folder):
    """The command writes this file; nothing tells us when, so it is looked at until the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        text = "".join(f.read_text() for f in folder.glob("log_*"))
        if text.endswith("\n"):
            return [json.loads(line) for line in text.splitlines()]
        time.sleep(0.02)
    raise AssertionError(f"no message in the log after {DEADLINE_S} s")
