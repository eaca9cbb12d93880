"""Buses of a real car: one reader thread a bus, python-can behind it. A bus that goes away is opened again.

What frames mean is not known here. python-can is imported when the first bus is opened.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from renkei.can.frames import EXTENDED
from renkei.can.load import kind
from renkei.can.meter import Counted, Meter
from renkei.errors import InputError, UnknownName

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0
"""Between attempts to open a bus again; the wait doubles."""
_STEADY_S = 10.0
"""A bus that lives so long has recovered: the next attempts begin with the first wait."""
_READ_S = 0.2
_SEND_S = 0.5
_CREDIBLE_NS = 10_000_000_000
"""Adapters that count from their own start are farther than this from our clock."""
_FILTERED = frozenset({"socketcan"})
"""Interfaces that leave out what nobody decodes before Python sees it. They count what they carry themselves."""
_INTERFACES = Path("/sys/class/net")


class Line(NamedTuple):
    """A bus of the car and where python-can finds it; `bitrate` in bit/s where the map knows it.

    `options` go to python-can as they are, and before what the map knows.
    """

    bus: str
    interface: str
    channel: str
    bitrate: int | None = None
    fd: bool = False
    ids: tuple[int, ...] = ()
    """Identifiers that are of interest, EXTENDED set for 29 bits; none given: all."""
    options: tuple[tuple[str, bool | int | float | str], ...] = ()

    def __str__(self) -> str:
        return f"{self.bus} ({self.interface}:{self.channel})"


class Heard(NamedTuple):
    """A data frame. `t_ns`: when it was received, since 1970."""

    bus: str
    id: int
    data: bytes
    t_ns: int


class Lost(NamedTuple):
    bus: str
    why: str


class Back(NamedTuple):
    bus: str


Event = Heard | Lost | Back


class Reader:
    """One bus: what comes is given to `take`, from a thread of its own. With `listen_only` nothing is ever sent."""

    def __init__(
        self,
        line: Line,
        take: Callable[[Event], None],
        *,
        listen_only: bool = False,
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        self.line, self.listen_only = line, listen_only
        self.meter = _meter(line)
        self._ids = frozenset(line.ids)
        self._hears_itself = dict(line.options).get("receive_own_messages") is True
        self._take, self._first_wait_s = take, first_wait_s
        self._stop = threading.Event()
        self._bus: Any = None
        self._thread = threading.Thread(target=self._run, name=f"bus {line}", daemon=True)

    def open(self) -> None:
        """Open the bus for the first time. Raises InputError, in one line, for what python-can cannot open."""
        from can.interfaces import BACKENDS

        if self.line.interface not in BACKENDS:
            raise UnknownName("CAN interface", self.line.interface, BACKENDS, "(a name that python-can knows)")
        try:
            self._bus = _opened(self.line)
        except Exception as e:  # every driver has errors of its own
            raise InputError(f"{self.line.interface}:{self.line.channel}: cannot be opened: {_in_a_line(e)}") from e

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread, if it runs, and close the bus."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._close()

    def send(self, id_: int, data: bytes) -> None:
        """Put a frame on the bus. Raises InputError when the bus is away or takes nothing, or is only listened to."""
        import can

        if self.listen_only:
            raise InputError(f"{self.line}: nothing is sent: the bus is only listened to")
        bus = self._bus
        if bus is None:
            raise InputError(f"{self.line}: the bus is away")
        message = can.Message(
            arbitration_id=id_ & ~EXTENDED, is_extended_id=bool(id_ & EXTENDED), data=data, is_fd=len(data) > 8
        )
        try:
            bus.send(message, timeout=_SEND_S)
        except Exception as e:  # every driver has errors of its own
            raise InputError(f"{self.line}: not sent: {_in_a_line(e)}") from e
        if not self._hears_itself:
            self.meter.sent[_kind_of(message)] += 1

    def _run(self) -> None:
        wait_s = self._first_wait_s
        while not self._stop.is_set():
            since = time.monotonic()
            why = self._read()
            if self._stop.is_set():
                return
            self._take(Lost(self.line.bus, why))
            if time.monotonic() - since > _STEADY_S:
                wait_s = self._first_wait_s
            wait_s = self._reopened(wait_s)

    def _read(self) -> str:
        """Read until told to stop or the bus is lost; why it is."""
        while not self._stop.is_set():
            try:
                message = self._bus.recv(_READ_S)
            except Exception as e:  # every driver has errors of its own
                return _in_a_line(e)
            if message is not None:
                self._pass_on(message)
        return ""

    def _pass_on(self, message: Any) -> None:
        if message.is_error_frame:
            self.meter.error_frames += 1
            return
        self.meter.heard[_kind_of(message)] += 1
        id_ = message.arbitration_id | (EXTENDED if message.is_extended_id else 0)
        if message.is_remote_frame or (self._ids and id_ not in self._ids):
            return
        now_ns, t_ns = time.time_ns(), round(message.timestamp * 1e9)
        credible = abs(now_ns - t_ns) < _CREDIBLE_NS
        self._take(Heard(self.line.bus, id_, bytes(message.data), t_ns if credible else now_ns))

    def _reopened(self, wait_s: float) -> float:
        """Try until the bus is open and can be read; the wait that the next loss begins with."""
        while True:
            self._close()
            if self._stop.wait(wait_s):
                return wait_s
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            try:
                self._bus = _opened(self.line)
                message = self._bus.recv(_READ_S)
            except Exception:  # it is still away, as has been told
                continue
            self._take(Back(self.line.bus))
            if message is not None:
                self._pass_on(message)
            return wait_s

    def _close(self) -> None:
        bus, self._bus = self._bus, None
        if bus is not None:
            try:
                bus.shutdown()
            except Exception:  # what is gone cannot always be closed
                return


def _opened(line: Line) -> Any:
    import can

    logging.getLogger("can").addHandler(logging.NullHandler())  # what goes wrong is told once, by us
    options: dict[str, Any] = {"bitrate": line.bitrate} if line.bitrate else {}
    if line.fd:
        options["fd"] = True
    options |= line.options
    filters = _filters(line.ids) if line.interface in _FILTERED else None
    return can.Bus(interface=line.interface, channel=line.channel, ignore_config=True, can_filters=filters, **options)


def _kind_of(message: Any) -> int:
    """The kind of a frame, for what it adds to the load of its bus."""
    if message.is_fd:
        return kind(len(message.data), extended=message.is_extended_id, fd=True, switched=message.bitrate_switch)
    return len(message.data) + _EXTENDED_KIND if message.is_extended_id else len(message.data)


_EXTENDED_KIND = kind(0, extended=True)


def _meter(line: Line) -> Meter:
    options = dict(line.options)
    rate, data_rate = (_number(options.get(name)) for name in ("bitrate", "data_bitrate"))
    fd = bool(options.get("fd", line.fd))
    if line.interface not in _FILTERED:
        return Meter(rate or line.bitrate, data_rate, fd=fd)
    return Meter(rate or line.bitrate, data_rate, fd=fd, counted=partial(counted_by, _INTERFACES / line.channel))


def _number(option: object) -> float | None:
    return float(option) if isinstance(option, int | float) and option > 0 else None


def counted_by(interface: Path) -> Counted | None:
    """What a network interface of Linux has carried, by its folder in /sys/class/net; None where it is not there.

    One without a device, such as vcan, counts what is sent on this machine as received too.
    """
    directions = ("rx", "tx") if (interface / "device").exists() else ("rx",)
    try:
        frames, data = (
            sum(int((interface / "statistics" / f"{way}_{what}").read_text()) for way in directions)
            for what in ("packets", "bytes")
        )
    except (OSError, ValueError):
        return None
    return Counted(frames, data)


def _filters(ids: Iterable[int]) -> list[Any] | None:
    """Lets the kernel leave out what nobody decodes; python-can would ask each filter about each frame."""
    return [
        {
            "can_id": id_ & ~EXTENDED,
            "can_mask": 0x1FFFFFFF if id_ & EXTENDED else 0x7FF,
            "extended": bool(id_ & EXTENDED),
        }
        for id_ in ids
    ] or None


def _in_a_line(e: Exception) -> str:
    return " ".join(str(e).split()) or type(e).__name__
