"""Cars brought up: the real executable with unmodified clients, and the pace of replays."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from itertools import pairwise
from pathlib import Path

import pytest
from kuksa_client.grpc import Field, SubscribeEntry, View, VSSClient
from running import PATIENCE_S, RENKEI, Up, renkei, wheel_log

from renkei.catalogue import Catalogue
from renkei.errors import DoorError, InputError, LogError
from renkei.flows.decode import Options, decode_logs
from renkei.flows.plans import plan_of
from renkei.flows.recognise import car_of
from renkei.flows.replay import Replay
from renkei.flows.synthesize import Scenario, synthesize, write_candump
from renkei.flows.up import Source, UpOptions, up
from renkei.vocabulary import builtin

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests/fixtures"
DEMO_LOG = ROOT / "src/renkei/data/demo/outlander-phev-2019-steering.candump.log.gz"
OUTLANDER, LEAF, CLARITY, RAV4 = (
    "mitsubishi/outlander-phev-2019",
    "nissan/leaf-ze1-40",
    "honda/clarity-ev",
    "toyota/rav4-2017",
)
SPEED, ANGLE = "Vehicle.Speed", "Vehicle.Chassis.SteeringWheel.Angle"
BRAND, WHEEL = "Vehicle.VehicleIdentification.Brand", "Vehicle.Chassis.Axle.Row1.Wheel.Left.Speed"


@pytest.fixture(scope="module")
def cars(tmp_path_factory):
    """A recorded car, a synthetic one at a steady 50 km/h, and one without a source."""
    plan = plan_of(Catalogue().vehicle(LEAF).map)
    log = tmp_path_factory.mktemp("logs") / "leaf.log"
    write_candump(synthesize(plan, Scenario([0.0, 3.0], {SPEED: [50.0, 50.0]})), plan, log)
    sources = ("--vehicle", f"{OUTLANDER}={DEMO_LOG}", "--vehicle", f"{LEAF}={log}", "--vehicle", f"{CLARITY}=none")
    with Up(*sources, "--loop") as running:
        yield running


def watched(port, path, count, *arguments):
    """What `renkei watch` printed of the first updates of a signal."""
    done = renkei("watch", path, "--port", port, "--count", count, "--json", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


# Clients


def test_each_car_has_a_port_of_its_own(cars):
    assert list(cars.ports) == [OUTLANDER, LEAF, CLARITY]
    assert len({*cars.ports.values(), cars.http_port}) == 4


def test_watch_shows_values_as_they_change(cars):
    updates = watched(cars.ports[OUTLANDER], ANGLE, 5)
    assert [u["signal"] for u in updates] == [ANGLE] * 5
    assert {u["unit"] for u in updates} == {"degrees"}
    assert all(-180 < u["value"] < 180 for u in updates[1:])
    times = [u["t_ns"] for u in updates]
    assert times == sorted(times)
    assert abs(times[-1] / 1e9 - time.time()) < 60


def test_get_shows_the_latest_values(cars):
    watched(cars.ports[LEAF], SPEED, 2)  # from here on there is a speed
    shown = renkei("get", SPEED, BRAND, "--port", cars.ports[LEAF])
    assert (shown.returncode, shown.stderr) == (0, "")
    rows = [line.split() for line in shown.stdout.splitlines()]
    assert rows[0] == ["signal", "value", "unit"]
    assert [row[0] for row in rows[1:]] == [SPEED, BRAND]
    assert float(rows[1][1]) == pytest.approx(50, abs=0.1)
    assert rows[1][2] == "km/h"
    assert rows[2][1:] == ["Nissan"]


def test_the_unmodified_kuksa_client_reads_over_v2_and_v1(cars):
    with VSSClient("127.0.0.1", cars.ports[LEAF]) as client:
        v2 = (update[SPEED].value for update in client.subscribe_current_values([SPEED]) if update[SPEED])
        assert next(v2) == pytest.approx(50, abs=0.1)
        entry = SubscribeEntry(SPEED, View.CURRENT_VALUE, (Field.VALUE,))
        (v1,) = next(client.subscribe([entry]))
        assert v1.entry.value.value == pytest.approx(50, abs=0.1)
        assert client.get_current_values([SPEED, BRAND])[BRAND].value == "Nissan"
        assert client.get_metadata([SPEED])[SPEED].unit == "km/h"


BRANDS = {OUTLANDER: "Mitsubishi", LEAF: "Nissan", CLARITY: "Honda"}


@pytest.mark.parametrize("door", BRANDS)
def test_any_port_gives_every_car_that_is_asked_for_by_name(cars, door):
    with VSSClient("127.0.0.1", cars.ports[door]) as client:
        for vehicle, brand in BRANDS.items():
            named = client.get_current_values([BRAND], metadata=[("renkei-vehicle", vehicle)])
            assert named[BRAND].value == brand
        assert client.get_current_values([BRAND])[BRAND].value == BRANDS[door]


def test_get_asks_for_a_car_by_name(cars):
    shown = renkei("get", BRAND, "--vehicle", CLARITY, "--port", cars.ports[OUTLANDER], "--json")
    assert [r["value"] for r in json.loads(shown.stdout)] == ["Honda"]
    unknown = renkei("get", BRAND, "--vehicle", "honda/clarity", "--port", cars.ports[OUTLANDER])
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr.startswith(f"renkei: 127.0.0.1:{cars.ports[OUTLANDER]}: unknown vehicle 'honda/clarity'")
    assert unknown.stderr.count("\n") == 1


def test_a_car_without_a_source_has_only_what_is_fixed_in_it(cars):
    shown = renkei("get", SPEED, BRAND, "--port", cars.ports[CLARITY], "--json")
    assert [(r["signal"], r["value"]) for r in json.loads(shown.stdout)] == [(SPEED, None), (BRAND, "Honda")]


def test_a_misspelt_signal_names_the_one_that_was_meant(cars):
    shown = renkei("get", "Vehicle.Sped", "--port", cars.ports[CLARITY])
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr == "renkei: unknown signal 'Vehicle.Sped'; did you mean 'Vehicle.Speed'?\n"


def test_the_dashboard_answers(cars):
    plain = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with plain.open(f"http://127.0.0.1:{cars.http_port}/", timeout=PATIENCE_S) as page:
        assert page.status == 200
        assert b"renkei" in page.read()


# Beginning and end


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_frees_its_ports(number):
    with Up("--vehicle", f"{OUTLANDER}={DEMO_LOG}", "--vehicle", f"{CLARITY}=none") as running:
        watched(running.ports[OUTLANDER], ANGLE, 2)
        assert running.stop(number) == (0, "")
        for port in (*running.ports.values(), running.http_port):
            with socket.socket() as free:
                free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a connection may linger
                free.bind(("127.0.0.1", port))
                free.listen()


def test_who_still_watches_when_it_ends_is_told_so():
    with Up("--vehicle", f"{CLARITY}=none") as running:
        command = [*RENKEI, "watch", BRAND, "--port", str(running.ports[CLARITY])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
            assert watch.stdout.readline() == f"{BRAND}  Honda\n"
            assert running.stop(signal.SIGTERM) == (0, "")
            _, said = watch.communicate(timeout=PATIENCE_S)
    assert watch.returncode == 2
    assert said.startswith("renkei: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("end", ["Ctrl-C", "a reader that goes away"])
def test_watch_ends_in_silence_with(end, cars):
    command = [*RENKEI, "watch", ANGLE, "--port", str(cars.ports[OUTLANDER])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
        assert watch.stdout.readline().startswith(ANGLE)
        if end == "Ctrl-C":
            watch.send_signal(signal.SIGINT)
        else:
            watch.stdout.close()
        assert watch.stderr.read() == ""
    assert watch.returncode == (130 if end == "Ctrl-C" else 141)


def test_with_loop_a_recording_begins_again_when_it_ends(tmp_path):
    log = wheel_log(tmp_path / "up.log", [k / 20 for k in range(8)], list(range(8)))
    with Up("--data", FIXTURES, "--vehicle", f"{RAV4}={log}", "--loop") as running:
        values = [u["value"] for u in watched(running.ports[RAV4], WHEEL, 25) if u["value"] is not None]
    assert set(values) <= set(range(8))
    assert sum(later < earlier for earlier, later in pairwise(values)) >= 2


def test_without_loop_the_last_values_stay_when_a_recording_ends(tmp_path):
    log = wheel_log(tmp_path / "up.log", [0, 0.1, 0.2], [10, 20, 30])
    with (
        Up("--data", FIXTURES, "--vehicle", f"{RAV4}={log}") as running,
        VSSClient("127.0.0.1", running.ports[RAV4]) as client,
    ):
        updates = (u[WHEEL].value for u in client.subscribe_current_values([WHEEL]) if u[WHEEL])
        assert next(value for value in updates if value == 30) == 30
        assert client.get_current_values([WHEEL])[WHEEL].value == 30
        assert running.process.poll() is None


def test_a_recording_that_breaks_off_on_the_way_is_told_and_the_server_stays_up(tmp_path):
    (half := tmp_path / "half.log.gz").write_bytes(DEMO_LOG.read_bytes()[:40_000])
    sources = ("--vehicle", f"{OUTLANDER}={half}", "--vehicle", CLARITY)
    with Up(*sources, "--speed", "1000", "--loop") as running:
        assert running.said().startswith(f"renkei: {half}: gzip data breaks off after ")
        assert watched(running.ports[OUTLANDER], SPEED, 1)[0]["value"] == 0.0
        assert watched(running.ports[CLARITY], BRAND, 1)[0]["value"] == "Honda"
        assert running.stop(signal.SIGINT) == (0, "")


# Python


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue([FIXTURES])


TWO_BUSES = """
[buses.first]
dbc = ["first.dbc"]
[buses.second]
dbc = ["second.dbc"]
[signals]
"Vehicle.Speed" = [
  { from = "first.M256.S", unit = "km/h", when = { M = [1] }, source = ["x"] },
  { from = "first.M257.S", unit = "km/h", source = ["x"] },
  { from = "second.M256.S", unit = "km/h", source = ["x"] },
]
"""


class Played:
    """A recording as it is replayed, its updates collected."""

    def __init__(self, catalogue, log, vehicle=RAV4, enough=None, **options) -> None:
        self.updates, self.failures, self._enough = [], [], enough
        self.done = threading.Event()
        plan = plan_of(catalogue.vehicle(vehicle).map)
        self._replay = Replay(plan, log, self._take, failed=self.failures.append, **options)

    def _take(self, updates) -> None:
        self.updates += updates
        if self._enough and len(self.updates) >= self._enough:
            self.done.set()

    def play(self):
        """To the number of updates that is enough: values and times of the front left wheel."""
        self._replay.start()
        assert self.done.wait(PATIENCE_S)
        self._replay.stop()
        assert self._replay.is_over
        index = builtin()[WHEEL].index
        return [(value, t_ns) for i, value, t_ns in self.updates if i == index]


OFFSETS_S = [0.0, 0.04, 0.05, 0.2, 0.21, 0.5]
WHEELS = 4
"""Values in each frame."""


@pytest.mark.parametrize("speed", [1.0, 2.0])
def test_samples_are_as_far_apart_as_in_the_recording(catalogue, tmp_path, speed):
    """Never early by more than a tick; late by what other work on the machine may take."""
    log = wheel_log(tmp_path / "a.log", [100 + t for t in OFFSETS_S], list(range(6)))
    got = Played(catalogue, log, enough=6 * WHEELS, speed=speed).play()
    assert [value for value, _ in got] == pytest.approx(range(6))
    late_s = [(t - got[0][1]) / 1e9 - offset / speed for (_, t), offset in zip(got, OFFSETS_S, strict=True)]
    assert min(late_s) > -0.03
    assert max(late_s) < 2


def test_the_time_of_a_sample_is_the_recorded_one_where_the_log_has_it_since_1970(catalogue, tmp_path):
    start_s = 1_630_900_000
    log = wheel_log(tmp_path / "utc.log", [start_s + t for t in OFFSETS_S], list(range(6)))
    got = Played(catalogue, log, enough=6 * WHEELS, speed=100).play()
    assert [t for _, t in got] == [start_s * 10**9 + round(t * 1e9) for t in OFFSETS_S]


def test_when_looping_it_is_the_moment_of_the_replay(catalogue, tmp_path):
    log = wheel_log(tmp_path / "utc.log", [1_630_900_000 + t for t in OFFSETS_S], list(range(6)))
    before_ns = time.time_ns()
    got = Played(catalogue, log, enough=12 * WHEELS, speed=100, loop=True).play()
    assert [value for value, _ in got[:12]] == pytest.approx([*range(6), *range(6)])
    assert all(before_ns <= t <= time.time_ns() for _, t in got)


def test_a_silence_of_an_hour_is_shortened(catalogue, tmp_path):
    log = wheel_log(tmp_path / "pause.log", [0, 3600], [1, 2])
    assert [value for value, _ in Played(catalogue, log, enough=2 * WHEELS, speed=50).play()] == pytest.approx([1, 2])


def test_rows_that_step_back_are_played_in_the_order_of_time(catalogue, tmp_path):
    start_s = 1_630_900_000
    times_s = [start_s + t for t in (0.02, 0.0, 0.03, 0.01)]
    got = Played(catalogue, wheel_log(tmp_path / "a.log", times_s, [2, 0, 3, 1]), enough=4 * WHEELS).play()
    assert [value for value, _ in got] == pytest.approx([0, 1, 2, 3])


def test_invalid_values_are_not_published_and_those_not_available_are(catalogue, tmp_path):
    index, angle_frame = builtin()[ANGLE].index, "(0.0{}) can0 236#{}000000000000\n"
    log = tmp_path / "a.log"
    log.write_text(angle_frame.format(1, "1002") + angle_frame.format(2, "FFFF") + angle_frame.format(3, "1004"))
    played = Played(catalogue, log, OUTLANDER, enough=3)
    played.play()
    assert [value for i, value, _ in played.updates if i == index] == [1.0, None, 2.0]
    sealed, broken = bytes.fromhex("0010000000000037"), bytes.fromhex("0011000000000037")
    sealed = sealed[:-1] + bytes([0x25 + 8 + sum(sealed[:-1]) & 0xFF])
    log.write_text("".join(f"(0.0{k}) can0 025#{d.hex()}\n" for k, d in enumerate((sealed, broken, sealed))))
    played = Played(catalogue, log, enough=2)
    played.play()
    assert [value for i, value, _ in played.updates if i == index] == [24.0, 24.0]


def test_an_identifier_speaks_for_the_bus_that_knows_it_even_where_that_says_nothing(tmp_path):
    """Two buses on one channel with one identifier: as in decoding, the other bus is not asked when the first gives
    no value."""
    maker = tmp_path / "cars/makers/acme"
    for kind in ("can", "maps", "vehicles"):
        (maker / kind).mkdir(parents=True)
    (maker / "maker.toml").write_text('name = "Acme"\nsources.x = { title = "x", where = "x", licence = "x" }\n')
    (maker / "vehicles/one.toml").write_text('name = "One"\nyears = "2020"\npowertrain = "electric"\nmap = "one"\n')
    (maker / "maps/one.toml").write_text(TWO_BUSES)
    for bus, ids in {"first": (256, 257), "second": (256,)}.items():
        fields = ' SG_ S : 0|8@1+ (1,0) [0|0] "" X\n SG_ M : 8|8@1+ (1,0) [0|0] "" X\n'
        messages = "".join(f"BO_ {id_} M{id_}: 8 X\n{fields}" for id_ in ids)
        (maker / f"can/{bus}.dbc").write_text("BU_: X\n" + messages)
    log = tmp_path / "a.log"
    frames = ["100#0702000000000000", "101#0801000000000000", "100#0901000000000000"]
    log.write_text("".join(f"(0.0{k}) can0 {frame}\n" for k, frame in enumerate(frames)))
    catalogue = Catalogue([tmp_path / "cars"])
    both = {"first": "can0", "second": "can0"}
    samples, _ = decode_logs([log], "acme/one", catalogue, None, Options(buses=both))
    decoded = samples.table().sort_by("t")["value"].to_pylist()
    played = Played(catalogue, log, "acme/one", enough=2, buses=both)
    played.play()
    assert [value for _, value, _ in played.updates] == decoded == [8.0, 9.0]


def test_a_recording_of_another_car_is_told_before_anything_is_up(catalogue):
    car = car_of(catalogue, RAV4)
    with pytest.raises(LogError, match=f"almost nothing in it is from {RAV4}: .*; {OUTLANDER} fits better"):
        Played(catalogue, DEMO_LOG, car=car)


@pytest.mark.parametrize("loop", [False, True])
def test_a_recording_without_a_frame_is_told_before_anything_is_up(catalogue, tmp_path, loop):
    (log := tmp_path / "none.log").write_text("(1.0) can0 123#R\n" * 5)
    with pytest.raises(LogError, match=r"none\.log: no CAN frames in it"):
        Played(catalogue, log, loop=loop)


def test_buses_named_by_hand_hold(catalogue):
    played = Played(catalogue, DEMO_LOG, OUTLANDER, enough=100, speed=100, buses={"c-can": "can1", "ev-can": "can1"})
    played.play()
    seen = {builtin().signals[i].path for i, _, _ in played.updates}
    assert "Vehicle.Powertrain.TractionBattery.CurrentVoltage" in seen
    assert "Vehicle.Speed" not in seen


def test_a_recording_that_cannot_be_read_is_told_before_anything_is_up(catalogue, tmp_path):
    with pytest.raises(LogError, match=r"nowhere\.log: cannot be read"):
        Played(catalogue, tmp_path / "nowhere.log")


def brought_up(catalogue, *sources, **options):
    """Vehicles and their ports, and the latest brand of each, from cars that were up for a moment."""

    async def session():
        async with up(sources, catalogue, UpOptions(**({"http_port": None, "grpc_port": 0} | options))) as running:
            index = running.broker.vocabulary[BRAND].index
            return dict(running.ports), {v: running.broker.latest(v, index).value for v in running.ports}

    return asyncio.run(session())


def test_ports_count_up_from_the_first(catalogue):
    with socket.socket() as a:
        a.bind(("127.0.0.1", 0))
        first = min(a.getsockname()[1], 65000)
    for tried in range(first, first + 100, 3):  # two free ones in a row
        try:
            ports, brands = brought_up(catalogue, Source(RAV4, None), Source(CLARITY, None), grpc_port=tried)
            break
        except DoorError:
            continue
    assert ports == {RAV4: tried, CLARITY: tried + 1}
    assert brands == {RAV4: "Toyota", CLARITY: "Honda"}


def test_a_port_in_use_is_told_and_leaves_none_open(catalogue):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DoorError, match=f"cannot open port {port} on 127.0.0.1: Address already in use"):
            brought_up(catalogue, Source(RAV4, None), grpc_port=port)
        with pytest.raises(DoorError, match=f"{port}"):
            brought_up(catalogue, Source(RAV4, None), http_port=port)


REFUSED = {
    "no vehicle": ([], {}, "no vehicle given"),
    "the same vehicle twice": ([Source(RAV4, None)] * 2, {}, "--vehicle toyota/rav4-2017: given twice"),
    "a speed of 0": ([Source(RAV4, None)], {"speed": 0.0}, "--speed: expected a number above 0, got 0"),
    "a speed below 0": ([Source(RAV4, None)], {"speed": -1.0}, "--speed: expected a number above 0, got -1"),
    "a speed that is no number": ([Source(RAV4, None)], {"speed": float("nan")}, "expected a number above 0, got nan"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, catalogue):
    sources, options, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        brought_up(catalogue, *sources, **options)
