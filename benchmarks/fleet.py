"""A fleet in one process: 100 vehicles × 100 signals × 10 Hz, two subscribers a vehicle, over kuksa.val.v2 and TCP.

The server with its sources is one process, all subscribers are another. The value of every signal is the number of its
batch, so that a subscriber sees each one that is missing, and finds in shared memory when it was published. With
`--tokens` the server asks for tokens and every subscriber shows one.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import resource
import sys
import tempfile
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import trusted
from trusted import Metadata

VEHICLES, SIGNALS, RATE_HZ, SUBSCRIBERS = 100, 100, 10.0, 2
SECONDS = 10.0
BUFFER = 10
"""Batches that may wait for a subscriber: one second."""
IDLE_VEHICLES = 200
MOST_BATCHES = 10_000


class Fleet(NamedTuple):
    """`lost`: values that a subscriber never got, of `expected`; `late_s`: how late the last batch was published.

    `server_cpu` and `clients_cpu`: seconds of processor time for each second. `server_mb`: memory at the end, with what
    the past holds by then.
    """

    expected: int
    lost: int
    values_per_s: float
    p50_ms: float
    p99_ms: float
    late_s: float
    server_cpu: float
    clients_cpu: float
    server_mb: float


def run(seconds: float = SECONDS, *, tokens: bool = False) -> Fleet:
    with tempfile.TemporaryDirectory(prefix="renkei-bench-") as folder:
        metadata = trusted.issued(Path(folder), ["fleet"]) if tokens else ()
        return _run(seconds, Path(folder) if tokens else None, metadata)


def _run(seconds: float, trust: Path | None, metadata: Metadata) -> Fleet:
    spawn = multiprocessing.get_context("spawn")
    batches = int(seconds * RATE_HZ)
    published = spawn.RawArray("q", VEHICLES * batches)
    server_end, server_there = spawn.Pipe()
    clients_end, clients_there = spawn.Pipe()
    server = spawn.Process(target=_serve, args=(batches, published, trust, server_there), daemon=True)
    server.start()
    ports = server_end.recv()
    clients = spawn.Process(target=_take, args=(ports, batches, published, metadata, clients_there), daemon=True)
    clients.start()
    clients_end.recv()  # all have their first message
    server_end.send("go")
    taken = clients_end.recv()
    server_end.send("stop")
    served = server_end.recv()
    for process in (clients, server):
        process.join()
    return Fleet(**taken, **served)


def idle_kib_per_vehicle() -> float:
    """Memory of a vehicle that is up and says nothing, with its port."""
    few, many = _memory_kib(1), _memory_kib(1 + IDLE_VEHICLES)
    return (many - few) / IDLE_VEHICLES


def _memory_kib(vehicles: int) -> float:
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_idle, args=(vehicles, there), daemon=True)
    process.start()
    kib: float = here.recv()
    process.join()
    return kib


def _idle(vehicles: int, told: Connection) -> None:
    async def measure() -> None:
        _, door, _ = await _open(vehicles)
        told.send(_resident_kib())
        await door.close()

    asyncio.run(measure())


def _resident_kib() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1024


async def _open(vehicles: int, trust: Path | None = None) -> tuple[Any, Any, dict[str, int]]:
    from renkei.broker import Broker
    from renkei.doors.kuksa.door import KuksaDoor
    from renkei.vocabulary import builtin

    names = [f"fleet/{n}" for n in range(vehicles)]
    broker = Broker(builtin(), names)
    guard = trusted.guard_of(trust) if trust else None
    door = KuksaDoor(broker, builtin(), names, first_port=0, guard=guard)
    return broker, door, await door.open()


def _signals() -> list[Any]:
    from renkei.vocabulary import builtin

    free = [s for s in builtin() if s.datatype == "float" and s.minimum is None and s.maximum is None]
    return free[:SIGNALS]


def _serve(batches: int, published: Any, trust: Path | None, told: Connection) -> None:
    asyncio.run(_served(batches, published, trust, told))


async def _served(batches: int, published: Any, trust: Path | None, told: Connection) -> None:
    from renkei.flows.feeds import publisher

    broker, door, ports = await _open(VEHICLES, trust)
    signals = [s.index for s in _signals()]
    loop = asyncio.get_running_loop()
    feeds = [publisher(loop, broker, v, broker.claim_signals(v, signals, by=v)) for v in broker.vehicles]
    told.send(ports)
    await asyncio.to_thread(told.recv)
    late: list[float] = []

    def publish() -> None:
        """The sources of all vehicles, spread over the tenth of a second."""
        start, step = time.monotonic(), 1 / RATE_HZ / VEHICLES
        for n in range(batches):
            for vehicle, feed in enumerate(feeds):
                due = start + n / RATE_HZ + vehicle * step
                if (wait := due - time.monotonic()) > 0:
                    time.sleep(wait)
                published[vehicle * batches + n] = time.monotonic_ns()
                t = time.time_ns()
                feed([(index, float(n), t) for index in signals])
        late.append(time.monotonic() - due)

    before, begun = time.process_time(), time.monotonic()
    thread = threading.Thread(target=publish)
    thread.start()
    await asyncio.to_thread(thread.join)
    cpu = (time.process_time() - before) / (time.monotonic() - begun)
    await asyncio.to_thread(told.recv)
    told.send({"late_s": late[0], "server_cpu": cpu, "server_mb": _resident_kib() * 1.024 / 1000})
    await door.close()


def _take(ports: dict[str, int], batches: int, published: Any, metadata: Metadata, told: Connection) -> None:
    asyncio.run(_taken(ports, batches, published, metadata, told))


async def _taken(ports: dict[str, int], batches: int, published: Any, metadata: Metadata, told: Connection) -> None:
    paths = [s.path for s in _signals()]
    ready, last = asyncio.Semaphore(0), batches - 1
    streams = [
        _subscribe(port, metadata, paths, last, ready, (published, vehicle))
        for vehicle, port in enumerate(ports.values())
        for _ in range(SUBSCRIBERS)
    ]
    running = [asyncio.create_task(stream) for stream in streams]
    for _ in running:
        await ready.acquire()
    told.send("ready")
    before, begun = time.process_time(), time.monotonic()
    results = await asyncio.gather(*running)
    seconds = time.monotonic() - begun
    ages = sorted(age for _, some in results for age in some)
    expected, got = len(running) * SIGNALS * batches, sum(count for count, _ in results)
    told.send(
        {
            "expected": expected,
            "lost": expected - got,
            "values_per_s": got / seconds,
            "p50_ms": ages[len(ages) // 2] / 1e6,
            "p99_ms": ages[len(ages) * 99 // 100] / 1e6,
            "clients_cpu": (time.process_time() - before) / seconds,
        }
    )


async def _subscribe(
    port: int, metadata: Metadata, paths: list[str], last: int, ready: asyncio.Semaphore, when: tuple[Any, int]
) -> tuple[int, list[int]]:
    """How many values came, and the age of each message in ns."""
    import grpc

    from renkei.doors.kuksa.schema import V2

    published, vehicle = when
    count, ages = 0, list[int]()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)]) as channel:
        request = V2.SubscribeRequest(signal_paths=paths, buffer_size=BUFFER).SerializeToString()
        first = True
        async for message in channel.unary_stream("/kuksa.val.v2.VAL/Subscribe")(request, metadata=metadata):
            if first:
                first = False
                ready.release()
                continue
            entries = V2.SubscribeResponse.FromString(message).entries
            number = int(entries[paths[0]].value.float)
            ages.append(time.monotonic_ns() - published[vehicle * (last + 1) + number])
            count += len(entries)
            if number == last:
                return count, ages
    return count, ages


def main() -> None:
    fleet, idle = run(tokens="--tokens" in sys.argv), idle_kib_per_vehicle()
    if "--json" in sys.argv:
        print(json.dumps(fleet._asdict() | {"idle_kib_per_vehicle": idle}, indent=2))
        return
    print(f"{VEHICLES} vehicles x {SIGNALS} signals x {RATE_HZ:g} Hz, {SUBSCRIBERS} subscribers a vehicle:")
    print(f"  {fleet.values_per_s:,.0f} values/s delivered, {fleet.lost:,} of {fleet.expected:,} lost")
    print(f"  age p50 {fleet.p50_ms:.1f} ms, p99 {fleet.p99_ms:.1f} ms; sources at the end {fleet.late_s:.3f} s late")
    print(f"  processor: server {fleet.server_cpu:.2f} cores, subscribers {fleet.clients_cpu:.2f} cores")
    print(f"  memory of the server: {fleet.server_mb:.0f} MB")
    print(f"  memory of an idle vehicle: {idle:.0f} KiB")


if __name__ == "__main__":
    main()
