"""What `make bench` runs: renkei and the tools a user would take instead, on the same work in the same run.

Prints one line a figure with the ratio, and the aim that the project set itself. `--json` prints them as JSON.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import bench_door
import bench_kuksa
import bench_sim
import fleet
import peers

from renkei.catalogue import Catalogue
from renkei.flows.bench import decode_speed
from renkei.flows.plans import plan_of
from renkei.flows.prove import prove
from renkei.flows.synthesize import Frame, read_scenario, synthesize, write_candump
from renkei.vocabulary import builtin

VEHICLE = "nissan/leaf-aze0"
FRAMES = 1_000_000
MANY_FRAMES = 10_000_000
PEER_FRAMES = 200_000
PYTHON = sys.executable


class Figure(NamedTuple):
    """`ratio`: how many times better than the peer; `aim` in words."""

    what: str
    renkei: float
    unit: str
    peer: float | None
    ratio: float | None
    aim: str


def main() -> None:
    figures: list[Figure] = []

    def say(figure: Figure) -> None:
        figures.append(figure)
        if "--json" not in sys.argv:
            print(_line(figure), flush=True)

    with tempfile.TemporaryDirectory(prefix="renkei-bench-") as folder:
        for bench in (decoding, whole_command, proving, judging, memory, starts, door, kuksa, many_cars, simulation):
            for figure in bench(Path(folder)):
                say(figure)
    if "--json" in sys.argv:
        print(json.dumps([f._asdict() for f in figures], indent=2))


def decoding(folder: Path) -> list[Figure]:
    """Text to columns, the columnar engine, the live engine; against python-can, cantools and asammdf."""
    log, dbc = _log(folder, FRAMES), _dbc()
    ours = decode_speed(log, VEHICLE, Catalogue())
    text, columns = ours["text_to_columns_frames_per_s"], ours["engine_frames_per_s"]
    database, some, n = peers.cantools_database(dbc), _log(folder, PEER_FRAMES), PEER_FRAMES
    frames = [(f.id, f.data) for f in _frames(n)]
    text_peer = n / _seconds(lambda: peers.decode_text_with(str(some), database), 2)
    cantools_peer = n / _seconds(lambda: peers.decode_frames(frames, database), 3)
    mf4 = folder / "leaf.mf4"
    peers.write_mf4(((f.t_ns / 1e9, f.id, f.data) for f in _frames(n)), mf4)
    asammdf_peer = n / _seconds(lambda: peers.asammdf_extract(mf4, dbc), 2)
    return [
        _more("text to columns, against python-can + cantools", text, text_peer, "50 times"),
        _more("columnar engine, against cantools", columns, cantools_peer, "80 times"),
        _more("columnar engine, against asammdf", columns, asammdf_peer, "10 times"),
        _more("per-frame live engine, against cantools", ours["live_frames_per_s"], cantools_peer, "2 times"),
    ]


def whole_command(folder: Path) -> list[Figure]:
    """renkei decode with start, sort and Parquet; the rival decodes into nothing."""
    log, out = _log(folder, FRAMES), folder / "out.parquet"
    command = [PYTHON, "-m", "renkei", "decode", str(log), "--vehicle", VEHICLE, "--out", str(out)]
    rival = [PYTHON, str(Path(__file__).parent / "peers.py"), str(log), *_dbc()]
    ours_s, rival_s = _seconds(lambda: _run(command), 3), _seconds(lambda: _run(rival), 1)
    return [Figure("decode command, whole, against python-can + cantools into nothing", ours_s, "s", rival_s,
                   rival_s / ours_s, "5 times")]  # fmt: skip


def proving(folder: Path) -> list[Figure]:
    """A map judged by a recording of a million frames, warm."""
    log, catalogue = _log(folder, FRAMES), Catalogue()
    seconds = _seconds(lambda: prove([log], VEHICLE, catalogue), 3)
    return [Figure("prove, 1,000,000 frames", seconds, "s", None, None, "under 2 s")]


def judging(_folder: Path) -> list[Figure]:
    """Every part in every vehicle of the catalogue, each driven over a cycle; as a whole command."""
    command = [PYTHON, "-m", "renkei", "fit", "--matrix", "parts", "vehicles", "--json"]
    pairs = len(json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["verdicts"])
    seconds = _seconds(lambda: _run(command), 3)
    return [Figure(f"renkei fit, {pairs:,} pairs of parts and vehicles", seconds, "s", None, None, "under 10 s")]


def memory(folder: Path) -> list[Figure]:
    """Peak memory of decoding a log of ten million frames to Parquet."""
    log, out = _log(folder, MANY_FRAMES), folder / "many.parquet"
    _run([PYTHON, "-m", "renkei", "decode", str(log), "--vehicle", VEHICLE, "--out", str(out)])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    log.unlink()
    return [Figure(f"peak memory, {MANY_FRAMES:,} frames to Parquet", peak, "MB", None, None, "under 1,500 MB")]


def starts(folder: Path) -> list[Figure]:
    """The help, and a server from its start to its first answer."""
    help_s = _seconds(lambda: _run([PYTHON, "-m", "renkei", "--help"]), 5)
    return [
        Figure("renkei --help", help_s, "s", None, None, "under 0.3 s"),
        Figure("renkei up, first answer", _first_answer(folder), "s", None, None, "within 2 s"),
    ]


def door(_folder: Path) -> list[Figure]:
    """Broker to one kuksa.val.v2 subscriber in another process."""
    measured = bench_door.run(signals=50)
    rate, size = measured["datapoints_per_s"], measured["datapoints_per_message"]
    return [Figure(f"broker to subscriber, {size:g} datapoints a message", rate, "datapoints/s", None, None,
                   "at least 100,000")]  # fmt: skip


def kuksa(_folder: Path) -> list[Figure]:
    """101 signals from provider to subscriber as kuksa-perf does it; against a KUKSA databroker where one is named."""
    measured = bench_kuksa.run()
    ours, theirs = measured["renkei"], measured.get("databroker")
    against = ", against the KUKSA databroker" if theirs else ""

    def more(what: str, key: str, unit: str, aim: str) -> Figure:
        peer = theirs and theirs[key]
        return Figure(what + against, ours[key], unit, peer, ours[key] / peer if peer else None, aim)

    def less(what: str, key: str, aim: str) -> Figure:
        peer = theirs and theirs[key]
        return Figure(what + against, ours[key], "ms", peer, peer / ours[key] if peer else None, aim)

    paced = "provider to subscriber, 101 signals a message, 10,000 signals/s"
    return [
        more("provider to subscriber, 101 signals a message", "batched_signals_per_s", "signals/s", "ahead of KUKSA"),
        more("provider to subscriber, 1 signal a message", "single_signals_per_s", "signals/s", "none"),
        less(f"{paced}, p50", "batched_paced_p50_ms", "under 1 ms"),
        less(f"{paced}, p95", "batched_paced_p95_ms", "none"),
        less(f"{paced}, p99", "batched_paced_p99_ms", "under 5 ms"),
        less("provider to subscriber, 1 signal a message, 2,000 signals/s, p50", "single_paced_p50_ms", "under 1 ms"),
        less("provider to subscriber, 1 signal a message, 2,000 signals/s, p99", "single_paced_p99_ms", "under 5 ms"),
        more("GetValue, 8 at a time", "get_value_per_s", "requests/s", "none"),
        *_with_tokens(bench_kuksa.with_tokens()),
    ]


def _with_tokens(measured: dict[str, tuple[float, float]]) -> list[Figure]:
    """What it costs that a server asks for tokens; the ratio is to the same server without."""
    rates = {
        "101 signals a message": "batched_signals_per_s",
        "1 signal a message": "single_signals_per_s",
        "GetValue, 8 at a time": "get_value_per_s",
    }
    return [
        Figure(
            f"with tokens, against without: {what}", with_them, "a second", without, with_them / without, "0.9 times"
        )
        for what, (without, with_them) in ((what, measured[key]) for what, key in rates.items())
    ]


def many_cars(_folder: Path) -> list[Figure]:
    """A fleet in one process, its subscribers in another; memory of a vehicle that only waits."""
    measured, with_tokens = fleet.run(), fleet.run(tokens=True)
    load = (
        f"{fleet.VEHICLES} vehicles, {fleet.SIGNALS} signals at {fleet.RATE_HZ:g} Hz, {fleet.SUBSCRIBERS} subscribers"
    )
    idle_kb = fleet.idle_kib_per_vehicle() * 1.024
    return [
        Figure(f"{load}, lost", measured.lost, "values", None, None, "none"),
        Figure(f"{load}, delivered", measured.values_per_s, "values/s", None, None, "all"),
        Figure(f"{load}, p99", measured.p99_ms, "ms", None, None, "none"),
        Figure(f"{load}, server", measured.server_cpu, "cores", None, None, "under 2"),
        Figure(f"{load}, with tokens, lost", with_tokens.lost, "values", None, None, "none"),
        Figure(
            f"{load}, with tokens, server",
            with_tokens.server_cpu,
            "cores",
            measured.server_cpu,
            measured.server_cpu / with_tokens.server_cpu,
            "0.9 times",
        ),
        Figure("an idle vehicle with its port", idle_kb, "kB", None, None, "under 100 kB"),
    ]


def simulation(_folder: Path) -> list[Figure]:
    """Virtual cars against FASTSim 3: many cars, each core for itself; one car; the whole command."""
    speed = bench_sim.run()
    fastsim = speed.cycle_s / speed.fastsim_s
    command = [PYTHON, "-m", "renkei", "drive", bench_sim.VEHICLE, "--cycle", bench_sim.CYCLE]
    per_core = speed.simulated_s_per_s_per_core
    return [
        Figure(f"{bench_sim.CARS:,} cars through UDDS, a core, against FASTSim 3", per_core, "s/s", fastsim,
               per_core / fastsim, "100 times, better 500"),
        Figure("one car through UDDS", speed.one_car_s * 1000, "ms", speed.fastsim_s * 1000,
               speed.fastsim_s / speed.one_car_s, "under 5 ms"),
        Figure("renkei drive, whole", _seconds(lambda: _run(command), 5), "s", None, None, "under 1.5 s"),
    ]  # fmt: skip


def _first_answer(folder: Path) -> float:
    """Seconds from starting `renkei up` with a recording until a client has a value."""
    from renkei.doors.kuksa.client import KuksaClient
    from renkei.errors import RenkeiError

    log, best = _log(folder, 200_000), 99.0
    for _ in range(3):
        port = _free_port()
        command = [PYTHON, "-m", "renkei", "up", "--vehicle", f"{VEHICLE}={log}", "--grpc-port", str(port),
                   "--http-port", "0", "--no-browser"]  # fmt: skip
        start = time.perf_counter()
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while True:
            try:
                with KuksaClient(port) as client:
                    client.get(["Vehicle.VehicleIdentification.Brand"])
                break
            except RenkeiError:
                time.sleep(0.02)
        best = min(best, time.perf_counter() - start)
        server.terminate()
        server.wait()
    return best


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _dbc() -> list[str]:
    buses = Catalogue().vehicle(VEHICLE).map.buses.values()
    return [str(file) for bus in buses for file in bus.dbc]


def _frames(n: int) -> list[Frame]:
    """Synthetic frames of the demo's drive, again and again, time going on."""
    plan = plan_of(Catalogue().vehicle(VEHICLE).map)
    scenario = read_scenario(Path(__file__).parents[1] / "tests/fixtures/drive.csv", builtin())
    once = list(synthesize(plan, scenario))
    turn_ns = once[-1].t_ns + 1_000_000
    return [f._replace(t_ns=f.t_ns + k * turn_ns) for k in range(n // len(once) + 1) for f in once][:n]


def _log(folder: Path, n: int) -> Path:
    """A candump file of n frames."""
    file = folder / f"leaf-{n}.log"
    if not file.exists():
        plan = plan_of(Catalogue().vehicle(VEHICLE).map)
        step = 1_000_000
        part = _frames(min(n, step))
        seconds = part[-1].t_ns // 1_000_000_000 + 1
        with file.open("wb") as whole:
            for k in range(-(-n // step)):
                piece = folder / "piece.log"
                write_candump(part, plan, piece, start_s=1_700_000_000 + k * seconds)
                whole.write(piece.read_bytes())
                piece.unlink()
    return file


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _seconds(work: Callable[[], object], runs: int) -> float:
    """Seconds of the fastest run."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def _more(what: str, ours: float, peer: float, aim: str) -> Figure:
    return Figure(what, ours, "frames/s", peer, ours / peer, aim)


def _line(f: Figure) -> str:
    amount = f"{f.renkei:,.2f}" if f.renkei < 100 else f"{f.renkei:,.0f}"
    peer = "" if f.peer is None else f" against {f.peer:,.2f}" if f.peer < 100 else f" against {f.peer:,.0f}"
    ratio = "" if f.ratio is None else f", {f.ratio:.1f} times"
    return f"{f.what}: {amount} {f.unit}{peer}{ratio} (aim: {f.aim})"


if __name__ == "__main__":
    main()
