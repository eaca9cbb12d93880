"""A small client for any KUKSA server: kuksa.val.v2, or kuksa.val.v1 where the server has no v2."""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self

import grpc
from google.protobuf.unknown_fields import UnknownFieldSet

from renkei.doors.asking import PRIORITY_KEY, VEHICLE_KEY
from renkei.doors.kuksa.calls import LOST_FIELD
from renkei.doors.kuksa.schema import DATA_TYPES, FIELDS, V1, V2
from renkei.doors.kuksa.wire import value_of
from renkei.doors.tls import Pem, client_credentials
from renkei.errors import DoorError, UnknownName, Unreachable
from renkei.vocabulary import KINDS, Signal, Value

_OPTIONS = (
    ("grpc.enable_http_proxy", 0),  # a car is never behind the proxy of the web
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),  # the metadata of a large tree
    ("grpc.use_local_subchannel_pool", 1),  # a connection of its own: servers tell clients apart by it
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),  # a server that comes back is found soon
)


class Reading(NamedTuple):
    """`value` None: not available. `t_ns`: when the server received it, ns since 1970, where the server says."""

    path: str
    value: Value | None
    t_ns: int | None


class Subscription:
    """What a server says of some leaves, message by message: first what they stand for, then what changes.

    Iterating may raise DoorError; `cancel` ends it, from any thread. `lost`: how many values gave way to newer ones so
    far, where the server says it, as renkei does.
    """

    def __init__(
        self, replies: Any, read: Callable[[Any], list[Reading]], error: Callable[[grpc.RpcError], DoorError]
    ) -> None:
        self._replies, self._read, self._error = replies, read, error
        self._cancelled = False
        self.lost = 0

    def __iter__(self) -> Iterator[list[Reading]]:
        try:
            for reply in self._replies:
                self.lost = max(self.lost, _lost(reply))
                yield self._read(reply)
        except grpc.RpcError as e:
            if not self._cancelled:
                raise self._error(e) from e
        finally:
            self._replies.cancel()

    def cancel(self) -> None:
        self._cancelled = True
        self._replies.cancel()


class KuksaClient:
    """One server, and with `vehicle` one of its vehicles. To be used in a `with`.

    `token` goes with every request as its bearer; `priority`, 0 to 9, with those that set. With `ca`, certificates in
    PEM or where they are, it speaks TLS and believes a server that one of them signed; `cert` and `key` are shown to a
    server that wants to know its clients so. Paths may be leaves, branches or patterns (`*` one level, `**` any
    number). Every method may raise DoorError (no answer, refused) and UnknownName (a path that the server does not
    have); the constructor InputError for files that do not do.
    """

    def __init__(
        self,
        port: int = 55555,
        host: str = "127.0.0.1",
        vehicle: str | None = None,
        timeout_s: float = 5.0,
        *,
        token: str | None = None,
        priority: int = 0,
        ca: Pem | None = None,
        cert: Pem | None = None,
        key: Pem | None = None,
    ) -> None:
        if vehicle is not None and not (vehicle.isascii() and vehicle.isprintable()):
            raise UnknownName("vehicle", vehicle, ())
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._timeout_s = timeout_s
        self._metadata: tuple[tuple[str, str], ...] = () if vehicle is None else ((VEHICLE_KEY, vehicle),)
        if token is not None:
            self._metadata += (("authorization", f"Bearer {token}"),)
        self._urgency = ((PRIORITY_KEY, str(priority)),) if priority else ()
        credentials = client_credentials(ca, cert, key)
        self._has_tls = credentials is not None
        if credentials is None:
            self._channel = grpc.insecure_channel(self._address, options=_OPTIONS)
        else:
            self._channel = grpc.secure_channel(self._address, credentials, options=_OPTIONS)
        self._has_v2 = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._channel.close()

    def get(self, paths: Iterable[str]) -> list[Reading]:
        """What the paths stand for now, in the order of the paths."""
        return self.latest(self._leaves(paths))

    def latest(self, leaves: Sequence[str]) -> list[Reading]:
        """What some leaves that the server has stand for now, in their order."""
        # The first message of a subscription rather than GetValues, whose reply has no paths in it: some servers
        # answer it in an order of their own.
        readings = self._watch(leaves, self._timeout_s)
        try:
            first = {r.path: r for r in next(readings, [])}
        finally:
            readings.close()
        return [first.get(leaf, Reading(leaf, None, None)) for leaf in leaves]

    def watch(self, paths: Iterable[str]) -> Generator[list[Reading]]:
        """First what all the paths stand for, then what changes, as it changes; ends when the iterator is closed."""
        return self._watch(self._leaves(paths), None)

    def metadata(self, root: str = "") -> list[Signal]:
        """The signals under a path or pattern as the server describes them, with the server's own ids as index."""
        if self._has_v2:
            try:
                reply = self._call("v2", "ListMetadata", V2.ListMetadataRequest(root=root), V2.ListMetadataResponse)
                return [_signal_v2(m) for m in reply.metadata]
            except grpc.RpcError as e:
                if e.code() is grpc.StatusCode.NOT_FOUND and not (e.details() or "").startswith("unknown vehicle"):
                    raise self._unknown(root) from None
                if e.code() is grpc.StatusCode.INVALID_ARGUMENT:
                    raise _malformed(root, e.details()) from None
                if e.code() is not grpc.StatusCode.UNIMPLEMENTED:
                    raise self._error(e) from e
                self._has_v2 = False
        return self._metadata_v1(root)

    def _metadata_v1(self, root: str) -> list[Signal]:
        wanted = V1.EntryRequest(path=root or "**", view=V1.VIEW_METADATA)
        try:
            reply = self._call("v1", "Get", V1.GetRequest(entries=[wanted]), V1.GetResponse)
        except grpc.RpcError as e:
            raise self._error(e) from e
        if reply.error.code == 404:
            raise self._unknown(root)
        if reply.error.code == 400:
            raise _malformed(root, reply.error.message)
        if reply.HasField("error"):
            raise DoorError(f"{self._address}: {reply.error.message} ({reply.error.reason})")
        return [_signal_v1(entry, n) for n, entry in enumerate(reply.entries)]

    def _leaves(self, paths: Iterable[str]) -> list[str]:
        """Every leaf once, in the order of the paths."""
        return list(dict.fromkeys(s.path for path in paths for s in self.metadata(path)))

    def _unknown(self, path: str) -> UnknownName:
        known = [s.path for s in self.metadata("")] if path else []
        branches = {p.rsplit(".", n)[0] for p in known for n in range(1, p.count(".") + 1)}
        return UnknownName("signal", path, [*known, *sorted(branches)])

    def subscribe(self, leaves: Sequence[str], buffer_size: int = 0, timeout_s: float | None = None) -> Subscription:
        """What the leaves stand for and then become. `buffer_size`: messages that wait for a slow reader.

        Where more wait, values give way to newer ones; servers with only v1 have no buffer.
        """
        request: Any
        if self._has_v2:
            request = V2.SubscribeRequest(signal_paths=leaves, buffer_size=buffer_size)
            kind, service, read = V2.SubscribeResponse, "v2", _read_v2
        else:
            entries = [V1.SubscribeEntry(path=p, view=V1.VIEW_CURRENT_VALUE, fields=[V1.FIELD_VALUE]) for p in leaves]
            request = V1.SubscribeRequest(entries=entries)
            kind, service, read = V1.SubscribeResponse, "v1", _read_v1
        method = self._method(self._channel.unary_stream, service, "Subscribe", kind)
        return Subscription(method(request, timeout=timeout_s, metadata=self._metadata), read, self._error)

    def set(self, signal: Signal, value: Value) -> None:
        """Ask for an actuator to take a value that its Signal admits; returns when the server has handed it over."""
        try:
            if self._has_v2:
                self._call("v2", "Actuate", _actuate_v2(signal, value), V2.ActuateResponse, self._urgency)
                return
            reply = self._call("v1", "Set", _set_v1(signal, value), V1.SetResponse, self._urgency)
        except grpc.RpcError as e:
            raise self._error(e) from e
        refused = [e.error for e in reply.errors] + ([reply.error] if reply.HasField("error") else [])
        for error in refused:
            raise DoorError(f"{self._address}: {error.message} ({error.reason})")

    def _watch(self, leaves: Sequence[str], timeout_s: float | None) -> Generator[list[Reading]]:
        if leaves:
            yield from self.subscribe(leaves, timeout_s=timeout_s)

    def _call(
        self, version: str, name: str, request: Any, reply_class: Any, more: tuple[tuple[str, str], ...] = ()
    ) -> Any:
        call = self._method(self._channel.unary_unary, version, name, reply_class)
        return call(request, timeout=self._timeout_s, metadata=self._metadata + more)

    def _method(self, shape: Any, version: str, name: str, reply_class: Any) -> Any:
        return shape(
            f"/kuksa.val.{version}.VAL/{name}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=reply_class.FromString,
        )

    def _error(self, e: grpc.RpcError) -> DoorError:
        code, details = e.code(), " ".join((e.details() or "").split())
        if "WRONG_VERSION_NUMBER" in details:
            return DoorError(f"{self._address}: what answers there speaks no TLS")
        if "Tls handshake failed" in details:
            return DoorError(f"{self._address}: its certificate is of another authority, for another name, or too old")
        if code is grpc.StatusCode.DEADLINE_EXCEEDED or "failed to connect" in details:
            return Unreachable(f"no KUKSA server answers at {self._address}{self._hint(details)}")
        kind = Unreachable if code is grpc.StatusCode.UNAVAILABLE else DoorError
        return kind(f"{self._address}: {details or 'no reason given'} ({code.name})")

    def _hint(self, details: str) -> str:
        """Something is there and hangs up at once."""
        if "Socket closed" not in details:
            return ""
        if self._has_tls:
            return "; it may want a certificate of its clients, signed by an authority of its choice"
        return "; if it speaks TLS, say whose certificates to believe"


def _actuate_v2(signal: Signal, value: Value) -> Any:
    request = V2.ActuateRequest(signal_id=V2.SignalID(path=signal.path))
    _put(request.value, signal, value)
    return request


def _set_v1(signal: Signal, value: Value) -> Any:
    request = V1.SetRequest(updates=[V1.EntryUpdate(fields=[V1.FIELD_ACTUATOR_TARGET])])
    request.updates[0].entry.path = signal.path
    _put(request.updates[0].entry.actuator_target, signal, value)
    return request


def _put(message: Any, signal: Signal, value: Value) -> None:
    """Fill the field of the oneof that the datatype travels in."""
    field = FIELDS[signal.datatype]
    if signal.is_array:
        getattr(message, field).values.extend(value)
    else:
        setattr(message, field, value)


def _malformed(path: str, reason: str) -> DoorError:
    return DoorError(f"'{path}' is no path or pattern: {reason}")


def _time_ns(point: Any) -> int | None:
    stamp = point.timestamp
    return stamp.seconds * 1_000_000_000 + stamp.nanos if point.HasField("timestamp") else None


def _lost(reply: Any) -> int:
    """What the server says that this reader lost so far, in a field that KUKSA's messages do not have."""
    return sum(field.data for field in UnknownFieldSet(reply) if field.field_number == LOST_FIELD)


def _read_v2(reply: Any) -> list[Reading]:
    return [Reading(path, _plain(point.value, "typed_value"), _time_ns(point)) for path, point in reply.entries.items()]


def _read_v1(reply: Any) -> list[Reading]:
    entries = [update.entry for update in reply.updates]
    return [Reading(e.path, _plain(e.value, "value"), _time_ns(e.value)) for e in entries]


def _plain(message: Any, oneof: str) -> Any:
    value, kind = value_of(message, oneof), message.WhichOneof(oneof)
    if kind == "float":
        return _shortest(value)
    return [_shortest(v) for v in value] if kind == "float_array" else value


def _shortest(value: float) -> float:
    """The number with the fewest digits that is this 32-bit float: 36.6 where Python would show 36.599998474121094."""
    exact = struct.pack("<f", value)
    tries = (float(f"{value:.{digits}g}") for digits in (6, 7, 8))
    return next((short for short in tries if struct.pack("<f", short) == exact), value)


_DATATYPES = {getattr(V2, name): datatype for datatype, name in DATA_TYPES.items()}
_KINDS = {getattr(V2, f"ENTRY_TYPE_{kind.upper()}"): kind for kind in KINDS}


def _signal_v2(m: Any) -> Signal:
    low = _plain(m.min, "typed_value") if m.HasField("min") else None
    high = _plain(m.max, "typed_value") if m.HasField("max") else None
    allowed = value_of(m.allowed_values, "typed_value")
    return _signal(m.id, m.path, m, low, high, allowed)


def _signal_v1(entry: Any, position: int) -> Signal:
    restriction = entry.metadata.value_restriction
    kind = restriction.WhichOneof("type")
    if kind is None:
        return _signal(position, entry.path, entry.metadata, None, None, None)
    limits = getattr(restriction, kind)
    low = limits.min if kind != "string" and limits.HasField("min") else None
    high = limits.max if kind != "string" and limits.HasField("max") else None
    return _signal(position, entry.path, entry.metadata, low, high, limits.allowed_values)


def _signal(index: int, path: str, m: Any, low: Any, high: Any, allowed: Any) -> Signal:
    """A Signal from Metadata of either version: their enumerations agree."""
    return Signal(
        index=index,
        path=path,
        kind=_KINDS.get(m.entry_type, ""),
        datatype=_DATATYPES.get(m.data_type, ""),
        unit=m.unit or None,
        minimum=low,
        maximum=high,
        allowed=tuple(allowed) if allowed else None,
        description=m.description,
    )
