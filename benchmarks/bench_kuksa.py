"""The work of kuksa-perf: 101 signals from a provider through a server of kuksa.val.v2 to a subscriber, over TCP.

Server, provider and subscriber are processes of their own. The value of a signal is the number of its message, so that
the subscriber finds in shared memory when it was sent. The same clients run against renkei as it asks for tokens, and
against a KUKSA databroker when the environment variable KUKSA_DATABROKER names its executable.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import trusted
from trusted import Metadata

SIGNALS = 101
CAR = "bench/car"
PATHS = [f"Vehicle.Signal{n}" for n in range(SIGNALS)]
IN_FLIGHT = 32
"""Messages on their way at a time where speed is measured: the subscriber takes all of them, none is folded."""
MOST_MESSAGES = 1 << 20
GETTERS = 8
WARM_S = 1.0


class Load(NamedTuple):
    """`signals` of one message, which take turns; `rate` messages a second, 0 for as fast as they go."""

    what: str
    signals: int
    rate: float
    seconds: float


LOADS = (
    Load("batched", SIGNALS, 0, 4),
    Load("single", 1, 0, 4),
    Load("batched_paced", SIGNALS, 10_000 / SIGNALS, 6),
    Load("single_paced", 1, 2_000, 6),  # a Python client sends no more than about 6,000 messages a second
)


class At(NamedTuple):
    """Where a server is, and what its clients show with each call."""

    port: int
    metadata: Metadata = ()


def run() -> dict[str, dict[str, float]]:
    """Figures by server: signals/s of each load, latencies in ms where paced, GetValue requests/s."""
    measured = {"renkei": _measured(_renkei)}
    if databroker := os.environ.get("KUKSA_DATABROKER"):
        measured["databroker"] = _measured(lambda vss: _databroker(databroker, vss))
    return measured


def with_tokens() -> dict[str, tuple[float, float]]:
    """Without and with tokens, the best of three runs of each, in turns: what else the machine does hits both alike."""
    loads = tuple(load._replace(seconds=2) for load in LOADS if not load.rate)
    runs = [[_measured(server, loads, 2.0) for server in (_renkei, _renkei_with_tokens)] for _ in range(3)]
    return {key: (max(a[key] for a, _ in runs), max(b[key] for _, b in runs)) for key in runs[0][0]}


def _measured(server: Callable[[Path], Any], loads: Sequence[Load] = LOADS, get_s: float = 3.0) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="renkei-bench-") as folder:
        vss = Path(folder) / "vss.json"
        leaf = {"type": "sensor", "datatype": "float", "description": "A number."}
        children = {path.split(".")[1]: leaf for path in PATHS}
        vss.write_text(json.dumps({"Vehicle": {"type": "branch", "description": "All.", "children": children}}))
        with server(vss) as at:
            figures: dict[str, float] = {}
            for load in loads:
                figures |= {f"{load.what}_{name}": value for name, value in _carried(at, load).items()}
            return figures | {"get_value_per_s": _in_process(_get_values, at, get_s)}


def _carried(at: At, load: Load) -> dict[str, float]:
    """Provider and subscriber in processes of their own."""
    spawn = multiprocessing.get_context("spawn")
    sent = spawn.RawArray("q", MOST_MESSAGES)
    taken, stop = spawn.RawValue("q", -1), spawn.RawValue("b", 0)
    here, there = spawn.Pipe()
    subscriber = spawn.Process(target=_run, args=(_subscribe, at, load, sent, taken, there), daemon=True)
    subscriber.start()
    here.recv()
    provider = spawn.Process(target=_run, args=(_provide, at, load, sent, taken, stop), daemon=True)
    provider.start()
    figures: dict[str, float] = here.recv()
    stop.value = 1
    provider.join()
    subscriber.join()
    return figures


def _in_process(measure: Callable[..., Any], *args: Any) -> float:
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_run, args=(measure, *args, there), daemon=True)
    process.start()
    value: float = here.recv()
    process.join()
    return value


def _run(measure: Callable[..., Any], *args: Any) -> None:
    asyncio.run(measure(*args))


async def _ids(channel: Any, at: At) -> list[int]:
    from renkei.doors.kuksa.schema import V2

    call = channel.unary_unary("/kuksa.val.v2.VAL/ListMetadata")
    request = V2.ListMetadataRequest(root="Vehicle").SerializeToString()
    reply = V2.ListMetadataResponse.FromString(await call(request, metadata=at.metadata))
    by_path = {m.path: m.id for m in reply.metadata}
    return [by_path[path] for path in PATHS]


async def _provide(at: At, load: Load, sent: Any, taken: Any, stop: Any) -> None:
    import grpc

    from renkei.doors.kuksa.schema import V2

    async with grpc.aio.insecure_channel(f"127.0.0.1:{at.port}") as channel:
        ids = await _ids(channel, at)
        call = channel.stream_stream("/kuksa.val.v2.VAL/OpenProviderStream")(metadata=at.metadata)
        intervals = {i: V2.SampleInterval(interval_ms=0) for i in ids}
        claim = V2.ProvideSignalRequest(signals_sample_intervals=intervals)
        await call.write(V2.OpenProviderStreamRequest(provide_signal_request=claim).SerializeToString())
        await call.read()
        listening = asyncio.create_task(_listen(call))
        start = time.monotonic()
        for n in itertools.count():
            turn = n * load.signals % SIGNALS
            points = {i: V2.Datapoint(value=V2.Value(float=n)) for i in ids[turn : turn + load.signals]}
            publish = V2.PublishValuesRequest(request_id=n, data_points=points)
            message = V2.OpenProviderStreamRequest(publish_values_request=publish).SerializeToString()
            if load.rate:
                await _until(start + n / load.rate)
            while not load.rate and n - taken.value > IN_FLIGHT and not stop.value:
                await asyncio.sleep(0.0002)
            if stop.value:
                break
            sent[n] = time.monotonic_ns()
            await call.write(message)
        listening.cancel()
        call.cancel()


async def _until(moment_s: float) -> None:
    while (left := moment_s - time.monotonic()) > 0:
        await asyncio.sleep(left)


async def _listen(call: Any) -> None:
    import grpc

    while await call.read() is not grpc.aio.EOF:
        pass


async def _subscribe(at: At, load: Load, sent: Any, taken: Any, pipe: Connection) -> None:
    import grpc

    from renkei.doors.kuksa.schema import V2

    async with grpc.aio.insecure_channel(f"127.0.0.1:{at.port}") as channel:
        request = V2.SubscribeRequest(signal_paths=PATHS, buffer_size=1000)
        call = channel.unary_stream("/kuksa.val.v2.VAL/Subscribe")(request.SerializeToString(), metadata=at.metadata)
        await call.read()
        pipe.send("ready")
        latencies: list[int] = []
        signals, begin = 0, 0.0
        while True:
            reply = V2.SubscribeResponse.FromString(await call.read())
            now_ns = time.monotonic_ns()
            numbers = {int(point.value.float) for point in reply.entries.values()}
            taken.value = max(numbers)
            if not begin:
                begin = now_ns / 1e9 + WARM_S
            elif now_ns / 1e9 >= begin:
                signals += len(reply.entries)
                latencies += [now_ns - sent[number] for number in numbers]
                if now_ns / 1e9 - begin >= load.seconds:
                    break
        pipe.send(_figures(load, signals / (now_ns / 1e9 - begin), sorted(latencies)))
        call.cancel()


def _figures(load: Load, signals_per_s: float, latencies_ns: list[int]) -> dict[str, float]:
    if not load.rate:
        return {"signals_per_s": round(signals_per_s)}
    at = {f"p{q}_ms": round(latencies_ns[len(latencies_ns) * q // 100] / 1e6, 3) for q in (50, 95, 99)}
    return {"signals_per_s": round(signals_per_s)} | at


async def _get_values(at: At, seconds: float, pipe: Connection) -> None:
    import grpc

    from renkei.doors.kuksa.schema import V2

    request = V2.GetValueRequest(signal_id=V2.SignalID(path=PATHS[0])).SerializeToString()
    count = 0

    async def ask(channel: Any) -> None:
        nonlocal count
        call, end = channel.unary_unary("/kuksa.val.v2.VAL/GetValue"), time.monotonic() + seconds
        while time.monotonic() < end:
            await call(request, metadata=at.metadata)
            count += 1

    async with grpc.aio.insecure_channel(f"127.0.0.1:{at.port}") as channel:
        await channel.channel_ready()
        await asyncio.gather(*[ask(channel) for _ in range(GETTERS)])
    pipe.send(count / seconds)


@contextmanager
def _renkei(vss: Path, trust: Path | None = None, metadata: Metadata = ()) -> Iterator[At]:
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    server = spawn.Process(target=_serve, args=(vss, trust, there), daemon=True)
    server.start()
    yield At(here.recv(), metadata)
    here.send("stop")
    server.join()


def _renkei_with_tokens(vss: Path) -> Any:
    return _renkei(vss, vss.parent, trusted.issued(vss.parent, ["bench"]))


def _serve(vss: Path, trust: Path | None, pipe: Connection) -> None:
    from renkei.broker import Broker
    from renkei.doors.kuksa.door import KuksaDoor
    from renkei.vocabulary import load

    async def session() -> None:
        vocabulary, guard = load(vss), trusted.guard_of(trust) if trust else None
        door = KuksaDoor(Broker(vocabulary, [CAR]), vocabulary, [CAR], first_port=0, guard=guard)
        ports = await door.open()
        pipe.send(ports[CAR])
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        await door.close()

    asyncio.run(session())


@contextmanager
def _databroker(executable: str, vss: Path) -> Iterator[At]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [executable, "--address", "127.0.0.1", "--port", str(port), "--vss", str(vss), "--insecure"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield At(port)
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int, patience_s: float = 10.0) -> None:
    end = time.monotonic() + patience_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > end:
                sys.exit("KUKSA_DATABROKER: nothing answers within 10 s of its start")
            time.sleep(0.05)


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
