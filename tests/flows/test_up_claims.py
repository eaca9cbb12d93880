"""What a car says itself nobody else may say: not over a recording, and not over a bus."""

import asyncio
import uuid
from pathlib import Path

import grpc
import pytest
from kuksa.val.v2 import types_pb2 as types
from kuksa.val.v2 import val_pb2 as val
from kuksa.val.v2.val_pb2_grpc import VALStub
from live_buses import CLARITY

from renkei.catalogue import Catalogue
from renkei.flows.live import live_source
from renkei.flows.plans import plan_of
from renkei.flows.synthesize import read_scenario, synthesize, write_candump
from renkei.flows.up import Source, UpOptions, up
from renkei.vocabulary import builtin

CAR = CLARITY
SPEED, OTHER = "Vehicle.Speed", "Vehicle.Cabin.Infotainment.Media.Played.Track"
OPTIONS = UpOptions(grpc_port=0, http_port=None, loop=True)
CATALOGUE = Catalogue()
DEADLINE_S = 10


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    plan, vocabulary = plan_of(CATALOGUE.vehicle(CAR).map), builtin()
    file = tmp_path_factory.mktemp("drive") / "drive.log"
    scenario = read_scenario(Path(__file__).parents[1] / "fixtures/drive.csv", vocabulary)
    frames = [f for f in synthesize(plan, scenario) if f.t_ns < 5_000_000_000]
    write_candump(frames, plan, file, start_s=1_700_000_000)
    return file


def sources(recording):
    return {
        "a recording": Source(CAR, recording),
        "a live car": Source(CAR, live=live_source(f"can:virtual:{uuid.uuid4()}")),
    }


def code(call, *args):
    try:
        call(*args, timeout=DEADLINE_S)
    except grpc.RpcError as e:
        return e.code()
    return grpc.StatusCode.OK


def publish(stub, path, **value):
    point = types.Datapoint(value=types.Value(**value))
    return code(stub.PublishValue, val.PublishValueRequest(signal_id=types.SignalID(path=path), data_point=point))


def claim(stub, path):
    index = builtin()[path].index
    asked = val.ProvideSignalRequest(signals_sample_intervals={index: types.SampleInterval()})

    def whole(requests, timeout):
        list(stub.OpenProviderStream(requests, timeout=timeout))

    return code(whole, iter([val.OpenProviderStreamRequest(provide_signal_request=asked)]))


def tries(port):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = VALStub(channel)
        return {
            "publish": publish(stub, SPEED, float=300.0),
            "claim": claim(stub, SPEED),
            "what the car does not say": publish(stub, OTHER, string="a song"),
        }


@pytest.mark.parametrize("kind", ["a recording", "a live car"])
def test_a_client_cannot_speak_for_the_car(recording, kind):
    source = sources(recording)[kind]

    async def drive():
        async with up([source], CATALOGUE, OPTIONS) as running:
            tried = await asyncio.to_thread(tries, running.ports[CAR])
            return tried, running.broker.latest(CAR, builtin()[SPEED].index).value

    tried, speed = asyncio.run(drive())
    assert tried == {
        "publish": grpc.StatusCode.ALREADY_EXISTS,
        "claim": grpc.StatusCode.ALREADY_EXISTS,
        "what the car does not say": grpc.StatusCode.OK,
    }
    assert speed != 300.0


def test_a_car_without_a_source_is_spoken_for_by_clients():
    async def drive():
        async with up([Source(CAR)], CATALOGUE, OPTIONS) as running:
            return await asyncio.to_thread(tries, running.ports[CAR])

    assert set(asyncio.run(drive()).values()) == {grpc.StatusCode.OK}


def test_values_name_the_recording_and_facts_the_catalogue(recording):
    async def drive():
        async with up([Source(CAR, recording)], CATALOGUE, OPTIONS) as running:
            speed = builtin()[SPEED].index
            async with asyncio.timeout(DEADLINE_S):
                while running.broker.latest(CAR, speed).value is None:
                    await asyncio.sleep(0.01)
            brand = builtin()["Vehicle.VehicleIdentification.Brand"].index
            return [running.broker.latest(CAR, i).source for i in (speed, brand)]

    assert asyncio.run(drive()) == ["recording drive.log", "catalogue"]
