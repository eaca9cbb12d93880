"""How fast one subscriber takes datapoints through the KUKSA door (kuksa.val.v2 Subscribe over TCP on this machine).

Server and subscriber are processes of their own. A thread of the server plays the car: it hands batches of physical
values to the event loop, first as fast as the subscriber takes them without loss, then at a fixed rate for the latency.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

SIGNALS = 100
WARM_S, MEASURE_S = 1.0, 5.0
LATENCY_MESSAGES, LATENCY_PERIOD_S = 400, 0.01
BUFFER_SIZE = 100


def run(signals: int = SIGNALS, seconds: float = MEASURE_S) -> dict[str, Any]:
    """Datapoints a second and latency from receipt in the broker to the parsed message, in ms."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    server = spawn.Process(target=_serve, args=(there, signals, seconds), daemon=True)
    server.start()
    port, paths = here.recv()
    results, sink = spawn.Pipe(duplex=False)
    subscriber = spawn.Process(target=_subscribe, args=(port, paths, sink, seconds), daemon=True)
    subscriber.start()
    measured: dict[str, Any] = results.recv()
    subscriber.join()
    here.send("stop")
    measured |= here.recv()
    server.join()
    return measured | {"datapoints_per_s_without_network": _without_network(signals)}


def _without_network(signals: int, batches: int = 5000) -> int:
    """Datapoints a second from physical value to encoded message, on one core."""
    from renkei.broker import Broker, Watcher
    from renkei.doors.kuksa.wire import Encoder
    from renkei.vocabulary import builtin

    vocabulary = builtin()
    broker, encoder, indices = Broker(vocabulary, ["car"]), Encoder(vocabulary), _chosen(vocabulary, signals)
    watcher = Watcher(indices)
    broker.watch("car", watcher)
    batch = [(i, 12.37, 0) for i in indices]
    start = time.perf_counter()
    for n in range(batches):
        broker.publish("car", batch)
        encoder.by_path(watcher.take(n) or {})
    return round(batches * len(indices) / (time.perf_counter() - start))


def _chosen(vocabulary: Any, signals: int) -> list[int]:
    numbers = [s.index for s in vocabulary if s.datatype in ("float", "uint16") and s.kind != "attribute"]
    return numbers[:signals]


def _serve(pipe: Connection, signals: int, seconds: float) -> None:
    asyncio.run(_server(pipe, signals, seconds))


async def _server(pipe: Connection, signals: int, seconds: float) -> None:
    from renkei.broker import Broker
    from renkei.doors.kuksa.door import KuksaDoor
    from renkei.vocabulary import builtin

    vocabulary = builtin()
    broker = Broker(vocabulary, ["car"])
    door = KuksaDoor(broker, vocabulary, ["car"], first_port=0)
    ports = await door.open()
    indices = _chosen(vocabulary, signals)
    pipe.send((ports["car"], [vocabulary.signals[i].path for i in indices]))
    loop, stopped = asyncio.get_running_loop(), threading.Event()
    car = threading.Thread(target=_drive, args=(broker, loop, indices, seconds, stopped))
    car.start()
    await loop.run_in_executor(None, pipe.recv)
    stopped.set()
    await loop.run_in_executor(None, car.join)
    pipe.send({"dropped": broker.dropped("car"), "refused": sum(broker.refused("car").values())})
    await door.close()


def _drive(broker: Any, loop: asyncio.AbstractEventLoop, indices: list[int], seconds: float, stopped: Any) -> None:
    """As fast as messages leave, then at a steady rate."""
    batches = [[(i, float(n % 50) + 0.37, 0) for i in indices] for n in range(64)]
    room = threading.Semaphore(4)

    def publish(batch: list[tuple[int, float, int]]) -> None:
        broker.publish("car", batch)
        make_room()

    def make_room() -> None:
        if any(w.waiting > BUFFER_SIZE // 2 for w in broker.watchers("car")):
            loop.call_later(0.001, make_room)
        else:
            room.release()

    while not broker.watchers("car") and not stopped.wait(0.01):
        pass
    end = time.monotonic() + WARM_S + seconds + 0.5
    count = 0
    while time.monotonic() < end and not stopped.is_set():
        room.acquire()
        loop.call_soon_threadsafe(publish, batches[count % len(batches)])
        count += 1
    while not stopped.wait(LATENCY_PERIOD_S):
        loop.call_soon_threadsafe(broker.publish, "car", batches[count % len(batches)])
        count += 1


def _subscribe(port: int, paths: list[str], sink: Connection, seconds: float) -> None:
    import grpc

    from renkei.doors.kuksa.schema import V2

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_stream(
            "/kuksa.val.v2.VAL/Subscribe",
            request_serializer=V2.SubscribeRequest.SerializeToString,
            response_deserializer=V2.SubscribeResponse.FromString,
        )
        replies = call(V2.SubscribeRequest(signal_paths=paths, buffer_size=BUFFER_SIZE))
        next(replies)
        fast = _count(replies, seconds)
        sink.send(fast | _latency(replies, paths[0]))
        replies.cancel()


def _count(replies: Any, seconds: float) -> dict[str, Any]:
    warm_end = time.monotonic() + WARM_S
    size = 0
    for reply in replies:
        size = reply.ByteSize()
        if time.monotonic() >= warm_end:
            break
    datapoints = messages = 0
    start = time.monotonic()
    for reply in replies:
        datapoints += len(reply.entries)
        messages += 1
        if (elapsed := time.monotonic() - start) >= seconds:
            break
    return {
        "datapoints_per_s": round(datapoints / elapsed),
        "messages_per_s": round(messages / elapsed),
        "datapoints_per_message": round(datapoints / messages, 1),
        "message_bytes": size,
    }


def _latency(replies: Any, path: str) -> dict[str, float]:
    settle = time.monotonic() + 1.0
    for _ in replies:
        if time.monotonic() >= settle:
            break
    latencies = []
    for reply in replies:
        stamp = reply.entries[path].timestamp
        latencies.append(time.time_ns() - stamp.seconds * 1_000_000_000 - stamp.nanos)
        if len(latencies) == LATENCY_MESSAGES:
            break
    latencies.sort()
    p50, p99 = latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100]
    return {"latency_p50_ms": round(p50 / 1e6, 3), "latency_p99_ms": round(p99 / 1e6, 3)}


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
