"""The KUKSA door: one gRPC port for each vehicle, all over one broker."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence

import grpc

from renkei.broker import Broker
from renkei.doors.guard import Guard
from renkei.doors.kuksa import databroker, v1, v2
from renkei.doors.kuksa.calls import MESSAGE_BYTES, House
from renkei.doors.tls import Certificates
from renkei.errors import DoorError, UnknownName
from renkei.vocabulary import Vocabulary

MOST_CALLS = 256
"""Calls of one connection at a time; more wait at the client."""
METADATA_BYTES = 16 * 1024
_OPTIONS = (
    # gRPC shares ports by default: a second server would open on the same port and take half of the calls unseen.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_metadata_size", METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", METADATA_BYTES),
    ("grpc.max_concurrent_streams", MOST_CALLS),
    # Who opens a connection says soon that it speaks HTTP/2.
    ("grpc.server_handshake_timeout_ms", 10_000),
    # A subscriber whose network is gone without a word is noticed within a minute.
    ("grpc.keepalive_time_ms", 40_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # Clients that ping more often than gRPC likes are served elsewhere, so here too.
    ("grpc.http2.max_ping_strikes", 0),
)
_STOP_S = 0.5


class KuksaDoor:
    """kuksa.val.v2 and kuksa.val.v1 for each of `vehicles`, on ports that count up from `first_port`.

    With `first_port` 0 each vehicle gets a free port. On any port the metadata `renkei-vehicle: ID` chooses another
    vehicle. The guard says who may do what; without one everybody may, so only this machine can reach the ports unless
    `host` says otherwise. Raises UnknownName for a vehicle that the broker does not have.
    """

    def __init__(
        self,
        broker: Broker,
        vocabulary: Vocabulary,
        vehicles: Sequence[str],
        host: str = "127.0.0.1",
        first_port: int = 55555,
        guard: Guard | None = None,
        tls: Certificates | None = None,
    ) -> None:
        self._broker, self._vocabulary = broker, vocabulary
        self._vehicles = tuple(vehicles)
        for vehicle in self._vehicles:
            if vehicle not in broker.vehicles:
                raise UnknownName("vehicle", vehicle, broker.vehicles)
        self._host, self._first_port, self._guard = host, first_port, guard or Guard()
        self._tls = tls
        self._house: House | None = None
        self._servers: list[grpc.aio.Server] = []

    async def open(self) -> dict[str, int]:
        """Open all ports and return them by vehicle; raises DoorError, with none left open, when one cannot be had."""
        house = self._house = House(self._broker, self._vocabulary, self._guard)
        ports = {}
        try:
            for position, vehicle in enumerate(self._vehicles):
                port = self._first_port and self._first_port + position
                ports[vehicle] = await self._serve(house, vehicle, port)
        except DoorError:
            await self.close()
            raise
        return ports

    async def close(self) -> None:
        """End all streams with UNAVAILABLE and free the ports."""
        if self._house:
            self._house.close()
        servers, self._servers = self._servers, []
        for server in servers:
            await server.stop(_STOP_S)

    async def _serve(self, house: House, vehicle: str, port: int) -> int:
        _must_be_free(self._host, port)
        server = grpc.aio.server(options=_OPTIONS)
        services = {v2.SERVICE: v2.handlers, v1.SERVICE: v1.handlers, **databroker.SERVICES}
        for name, handlers in services.items():
            service = grpc.method_handlers_generic_handler(name, handlers(house, vehicle))
            server.add_generic_rpc_handlers((service,))
        address = f"[{self._host}]:{port}" if ":" in self._host else f"{self._host}:{port}"
        try:
            if self._tls:
                bound: int = server.add_secure_port(address, self._tls.credentials())
            else:
                bound = server.add_insecure_port(address)
        except RuntimeError as e:
            raise DoorError(f"cannot open port {port} on {self._host}: {e}") from e
        self._servers.append(server)
        await server.start()
        return bound


def _must_be_free(host: str, port: int) -> None:
    """Try the port first, because gRPC writes to standard error when it cannot have it; raises DoorError."""
    if not 0 <= port <= 65535:
        raise DoorError(f"port {port} does not exist: ports end at 65535; choose a lower first port")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As gRPC does: a port that was closed a moment ago is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except (socket.gaierror, UnicodeError) as e:
        raise DoorError(f"cannot open a port on '{host}': no such host") from e
    except OSError as e:
        hint = "; stop what uses it or choose another first port" if e.errno == errno.EADDRINUSE else ""
        raise DoorError(f"cannot open port {port} on {host}: {e.strerror}{hint}") from e
