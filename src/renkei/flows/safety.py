"""How a server is kept safe: who is believed, what is written down, which certificates, how wide it is open."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from renkei.authority.audit import AuditLog
from renkei.authority.authority import Authority
from renkei.doors.guard import Guard
from renkei.doors.tls import Certificates, Tls
from renkei.errors import InputError

LOCAL = "127.0.0.1"
REQUESTS_PER_S = 1000.0
"""The share of each client where clients are known by their tokens."""


@dataclass(frozen=True, slots=True)
class Safety:
    """`trust`: the trust file, without which everybody may do everything. `audit`: the log that is written.

    `requests_per_s`: the share of each client, 0 for as many as it likes; None: REQUESTS_PER_S with a trust file.
    """

    host: str = LOCAL
    trust: Path | None = None
    tls: Tls | None = None
    audit: Path | None = None
    insecure: bool = False
    requests_per_s: float | None = None

    def judge(self) -> None:
        """Raises InputError for a server that others could reach and nobody is asked who they are."""
        asks = self.trust is not None or (self.tls is not None and self.tls.client_ca is not None)
        if is_local(self.host) or asks or self.insecure:
            return
        how = "--trust FILE.toml (tokens) or --tls-client-ca FILE.pem (certificates), or --insecure to let everybody in"
        raise InputError(f"--host {self.host}: others than this machine could reach it: expected {how}")

    def certificates(self, tell: Callable[[str], None]) -> Certificates | None:
        """Those that all doors show; `tell` hears of new ones that are wrong."""
        return Certificates(self.tls, tell) if self.tls else None

    @property
    def tells_tokens(self) -> bool:
        """Whether tokens would go over a network where others can read them."""
        return self.trust is not None and self.tls is None and not is_local(self.host)


def is_local(host: str) -> bool:
    """Whether only this machine reaches a port on that host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@asynccontextmanager
async def guarding(safety: Safety, tell: Callable[[str], None]) -> AsyncIterator[Guard]:
    """The guard of all doors; at the end its log is closed. Raises InputError for files that cannot be used."""
    safety.judge()
    authority = Authority(safety.trust, tell=tell) if safety.trust else None
    rate = safety.requests_per_s
    if rate is None:
        rate = REQUESTS_PER_S if authority else 0.0
    audit = AuditLog(safety.audit) if safety.audit else None
    guard = Guard(authority, audit, rate or None)
    if safety.tells_tokens:
        tell("without --tls-cert tokens go over the network as they are: who listens can use them")
    try:
        yield guard
    finally:
        guard.close()
        if audit:
            audit.close()
