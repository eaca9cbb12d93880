"""Who comes in at every door alike: tokens, what they allow, shares of each client, and what the audit log is told."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple

from renkei.authority.audit import AuditLog
from renkei.authority.authority import Authority
from renkei.authority.scopes import Action
from renkei.authority.tokens import EVERYONE, Grant
from renkei.broker import Broker
from renkei.broker.claims import Actuation
from renkei.doors.asking import Asking
from renkei.errors import Exhausted, InputError, NotAuthenticated, NotPermitted, OutputError
from renkei.vocabulary import Signal, Value

LOOK_S = 0.5
"""How often the trust file is looked at and open streams are judged: what ends a token ends its streams within 1 s."""
MOST_STREAMS = 200
"""Streams of one client at a time: of a token's subject, or of a connection where nobody is asked for a token."""
_MOST_BUCKETS = 10_000


GUARDED = (NotAuthenticated, NotPermitted, Exhausted, OutputError)
"""What a guard raises."""


class Guest(NamedTuple):
    """Who asks: what it may do, where it comes from."""

    grant: Grant
    peer: str

    @property
    def name(self) -> str:
        return self.grant.name or self.peer


class Guard:
    """One for all doors. Without an `authority` everybody may do everything, as a server for one machine has it.

    `requests_per_s` is the share of each client, twice that in a burst; None: as many as it likes.
    """

    def __init__(
        self, authority: Authority | None = None, audit: AuditLog | None = None, requests_per_s: float | None = None
    ) -> None:
        self.authority, self.audit = authority, audit
        self.requests_per_s = requests_per_s
        self._buckets: dict[str, tuple[float, float]] = {}
        self._streams: Counter[str] = Counter()
        self._open: dict[asyncio.Timeout, Grant] = {}
        self._looking: asyncio.TimerHandle | None = None
        self._looked_s = 0.0

    def admit(self, token: str | None, peer: str, door: str) -> Guest:
        """Who shows this token; raises NotAuthenticated."""
        if self.authority is None:
            return Guest(EVERYONE, peer)
        if time.monotonic() - self._looked_s > LOOK_S:
            self._look_again()
        try:
            return Guest(self.authority.admit(token), peer)
        except NotAuthenticated as e:
            self.refused(e, door=door, peer=peer)
            raise

    def reach(self, guest: Guest, vehicle: str) -> None:
        """Raises NotPermitted for a car of which the token says nothing."""
        if not guest.grant.reaches(vehicle):
            raise NotPermitted(f"the token of {guest.name} does not cover {vehicle}")

    def told_of(self, vehicles: Sequence[str]) -> Sequence[str]:
        """Which of these a stranger may be told of, who has asked for another one."""
        return () if self.authority else vehicles

    def need(self, guest: Guest, action: Action, signal: Signal) -> None:
        """Raises NotPermitted."""
        if guest.grant is not EVERYONE and not guest.grant.may(action, signal.path):
            raise NotPermitted(f"the token of {guest.name} does not allow to {_VERB[action]} {signal.path}")

    def ranked(self, guest: Guest, asking: Asking, stated: str | None) -> Asking:
        """With the priority that counts, what is stated or else the token's; raises NotPermitted for a higher one."""
        if asking.priority > guest.grant.priority:
            own = guest.grant.priority
            raise NotPermitted(f"the token of {guest.name} allows priority {own}, asked with {asking.priority}")
        if stated is None and guest.grant.token:
            asking = asking._replace(priority=guest.grant.priority)
        return asking._replace(by=guest.name)

    # Shares

    def count_request(self, guest: Guest) -> None:
        """Raises Exhausted for a client that has used up its share."""
        if self.requests_per_s is None:
            return
        now_s, most = time.monotonic(), 2 * self.requests_per_s
        left, then_s = self._buckets.get(guest.name, (most, now_s))
        left = min(most, left + (now_s - then_s) * self.requests_per_s)
        if left < 1:
            raise Exhausted(f"{guest.name} asks more than {self.requests_per_s:g} times a second")
        if len(self._buckets) >= _MOST_BUCKETS:
            self._buckets = {
                n: b for n, b in self._buckets.items() if b[0] + (now_s - b[1]) * self.requests_per_s < most
            }
        self._buckets[guest.name] = (left - 1, now_s)

    @contextmanager
    def one_more_stream(self, guest: Guest) -> Iterator[None]:
        """Count a stream of a client while it lasts; raises Exhausted when it has too many."""
        name = guest.name
        if self._streams[name] >= MOST_STREAMS:
            of = f"client {name}" if guest.grant.token else "this connection"
            raise Exhausted(f"{MOST_STREAMS} streams of {of} are open")
        self._streams[name] += 1
        try:
            yield
        finally:
            self._streams[name] -= 1
            if not self._streams[name]:
                del self._streams[name]

    # What goes on

    @asynccontextmanager
    async def while_it_holds(self, guest: Guest) -> AsyncIterator[None]:
        """Ends what is inside when the token expires, is revoked or changes; raises NotAuthenticated then."""
        if self.authority is None:
            yield
            return
        try:
            async with asyncio.timeout(None) as limit:
                self._open[limit] = guest.grant
                self._look_later()
                try:
                    yield
                finally:
                    self._open.pop(limit, None)
        except TimeoutError:
            if not limit.expired():
                raise
            ended = NotAuthenticated(self.authority.why_ended(guest.grant) or "Invalid auth token: expired")
            self.refused(ended, by=guest.name, peer=guest.peer)
            raise ended from None

    def _look_later(self) -> None:
        if self._looking is None and self._open:
            self._looking = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _look(self) -> None:
        self._looking = None
        self._look_again()
        self._look_later()

    def _look_again(self) -> None:
        """Read the trust file if it is another one, and end the streams whose tokens hold no more."""
        assert self.authority is not None
        self._looked_s = time.monotonic()
        changed, now_s = self.authority.refresh(), time.time()
        for limit, grant in list(self._open.items()):
            if grant.expires_s <= now_s or (changed and self.authority.why_ended(grant)):
                del self._open[limit]
                limit.reschedule(asyncio.get_running_loop().time())

    def close(self) -> None:
        """Look no more; open streams are ended by their doors."""
        if self._looking:
            self._looking.cancel()
        self._open.clear()

    # Actuations and what is written down

    def actuate(
        self, broker: Broker, vehicle: str, guest: Guest, targets: Sequence[tuple[Signal, Value]], asking: Asking,
        needs_carrier: bool = True,
    ) -> list[Actuation]:  # fmt: skip
        """Judge, write down and hand over; raises NotPermitted, OutputError, and what Broker.actuate raises."""
        for signal, _ in targets:
            self.need(guest, "actuate", signal)
        told = {signal.path: value for signal, value in targets}
        if self.audit and targets:
            self.audit.record(
                "asked", vehicle=vehicle, by=guest.name, peer=guest.peer, token=guest.grant.token_id,
                priority=asking.priority, paths=list(told), values=list(told.values()),
            )  # fmt: skip
        handed = broker.actuate(
            vehicle, [(signal.index, value) for signal, value in targets], deadline_ns=asking.deadline_ns,
            by=guest.name, priority=asking.priority, needs_carrier=needs_carrier,
        )  # fmt: skip
        for (signal, _), actuation in zip(targets, handed, strict=True):
            actuation.on_end(self._ended(vehicle, guest, signal))
        return handed

    def _ended(self, vehicle: str, guest: Guest, signal: Signal) -> Callable[[Actuation], None]:
        def write(ended: Actuation) -> None:
            self._write("ended", vehicle=vehicle, by=guest.name, path=signal.path, state=ended.state, why=ended.why)

        return write if self.audit else lambda ended: None

    def refused(self, why: InputError | str, **facts: object) -> None:
        """Write a refusal down."""
        if self.audit:
            try:
                self.audit.refusal(why=str(why), **facts)
            except OutputError:
                return  # it is refused anyway; what may move something is refused where it cannot be written down

    def _write(self, event: str, **facts: object) -> None:
        if self.audit:
            try:
                self.audit.record(event, **facts)
            except OutputError:
                return


_VERB: dict[Action, str] = {
    "read": "read",
    "actuate": "actuate",
    "provide:data": "provide",
    "provide:actuation": "carry out actuations of",
    "create": "create",
}


def bearer(header: str | None) -> str | None:
    """The token of an Authorization header; None where there is none."""
    kind, _, token = (header or "").partition(" ")
    return token.strip() or None if kind.lower() == "bearer" else None
