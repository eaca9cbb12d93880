"""Set of kuksa.val.v1: current values and targets, with an error for each entry inside the reply."""

from __future__ import annotations

from typing import Any

import grpc

from renkei.doors.kuksa.actuating import Target, actuate
from renkei.doors.kuksa.calls import FORBIDDEN, INVALID, NOT_FOUND, PATH_LENGTH, Caller, House, StatusError, signal_at
from renkei.doors.kuksa.schema import V1
from renkei.doors.kuksa.values import refuse_stale, source_time_ns, status_of, target_in, value_in
from renkei.errors import NotPermitted, ValueRefused
from renkei.vocabulary import Signal, Value

_ERRORS = {
    NOT_FOUND: (404, "not_found"),
    INVALID: (400, "bad_request"),
    FORBIDDEN: (403, "forbidden"),
    grpc.StatusCode.ALREADY_EXISTS: (403, "forbidden"),
    grpc.StatusCode.FAILED_PRECONDITION: (403, "forbidden"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (408, "timeout"),
}
_UNAVAILABLE = (503, "unavailable")
_NOT_ALONE = "not handed over, because another target of the request was refused"


def entry_error(path: str, refused: StatusError) -> Any:
    """A DataEntryError; a path that is too long is cut."""
    code, reason = _ERRORS.get(refused.code, _UNAVAILABLE)
    error = V1.Error(code=code, reason=reason, message=refused.text)
    return V1.DataEntryError(path=path[:PATH_LENGTH], error=error)


def set_entries(house: House, caller: Caller, request: Any) -> bytes:
    """A SetResponse. Good current values are stored beside bad ones; targets are handed over all or none.

    Raises StatusError when there is nothing to set, and for a target on something that is not an actuator.
    """
    if not request.updates:
        raise StatusError(INVALID, "No datapoints requested")
    house.count(request.updates)
    setting = _Setting(house, caller)
    for update in request.updates:
        setting.read(update)
    setting.store(caller)
    setting.hand_over(caller)
    for path, refused in setting.errors:
        house.told_refused(caller, path, refused.text)
    reply = V1.SetResponse(errors=[entry_error(path, refused) for path, refused in setting.errors])
    if reply.errors:
        reply.error.CopyFrom(reply.errors[0].error)
    content: bytes = reply.SerializeToString()
    return content


class _Setting:
    """What one request sets, and what of it was refused."""

    def __init__(self, house: House, caller: Caller) -> None:
        self._house, self._caller = house, caller
        self._values: list[tuple[int, Value | None, int | None]] = []
        self._targets: list[Target] = []
        self._target_refused = False
        self.errors: list[tuple[str, StatusError]] = []

    def read(self, update: Any) -> None:
        entry, fields = update.entry, frozenset(update.fields)
        try:
            signal = signal_at(self._house.vocabulary, entry.path)
        except StatusError as refused:
            self.errors.append((entry.path, refused))
            self._target_refused |= V1.FIELD_ACTUATOR_TARGET in fields
            return
        if V1.FIELD_VALUE in fields:
            self._read_value(signal, entry.value)
        if V1.FIELD_ACTUATOR_TARGET in fields:
            self._read_target(signal, entry.actuator_target)
        if fields - {V1.FIELD_PATH, V1.FIELD_VALUE, V1.FIELD_ACTUATOR_TARGET}:
            self.errors.append((signal.path, StatusError(FORBIDDEN, "only values and targets can be set")))

    def _read_value(self, signal: Signal, point: Any) -> None:
        try:
            self._house.need(self._caller, "provide:data", [signal])
            self._values.append((signal.index, value_in(signal, point, "value"), source_time_ns(point)))
        except StatusError as refused:
            self.errors.append((signal.path, refused))
        except NotPermitted as refused:
            self.errors.append((signal.path, status_of(self._house, refused)))

    def _read_target(self, signal: Signal, point: Any) -> None:
        if signal.kind != "actuator":
            raise StatusError(INVALID, f"Cannot set a target: {signal.path} is not an actuator")
        try:
            self._house.need(self._caller, "actuate", [signal])
            value = target_in(signal, point, "value")
            refuse_stale(signal, source_time_ns(point))
            self._targets.append((signal, signal.check(value)))
        except StatusError as refused:
            self._refuse_target(signal, refused)
        except (ValueRefused, NotPermitted) as refused:
            self._refuse_target(signal, status_of(self._house, refused))

    def _refuse_target(self, signal: Signal, refused: StatusError) -> None:
        self._target_refused = True
        self.errors.append((signal.path, refused))

    def store(self, caller: Caller) -> None:
        for index, refused in self._house.broker.put_all(caller.vehicle, self._values, source=caller.by).items():
            path = self._house.vocabulary.signals[index].path
            self.errors.append((path, status_of(self._house, refused)))

    def hand_over(self, caller: Caller) -> None:
        """A target needs no carrier here: in v1 it is a wish that is kept, whoever carries it out."""
        try:
            if self._target_refused:
                raise StatusError(INVALID, _NOT_ALONE)
            actuate(self._house, caller, self._targets, needs_carrier=False)
        except StatusError as refused:
            self.errors += [(signal.path, refused) for signal, _ in self._targets]
