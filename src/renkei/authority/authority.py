"""Who is believed now: the trust file, read again when it changes, and the tokens that hold under it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from renkei.aside import stamps
from renkei.authority.tokens import Grant, read_token
from renkei.authority.trust import Trust, read_trust
from renkei.errors import CatalogueError, NotAuthenticated

_MOST_KNOWN = 1000


class Authority:
    """Judges tokens by a trust file. Raises CatalogueError for a file that says nothing that can be believed.

    A file that is wrong when it is read again changes nothing; `tell` hears of it once.
    """

    def __init__(
        self, file: Path, now_s: Callable[[], float] = time.time, tell: Callable[[str], object] = lambda line: None
    ) -> None:
        self._file, self._now_s, self._tell = file, now_s, tell
        self._trust: Trust = read_trust(file)
        self._stamps = stamps(self._trust.files)
        self._known: dict[str, Grant] = {}

    def admit(self, token: str | None) -> Grant:
        """What a token grants; raises NotAuthenticated."""
        if not token:
            raise NotAuthenticated("No auth token provided")
        grant = self._known.get(token)
        if grant is None or grant.expires_s <= self._now_s():
            self._known.pop(token, None)
            grant = read_token(token, self._trust, self._now_s())
            while len(self._known) >= _MOST_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[token] = grant
        return grant

    def refresh(self) -> bool:
        """Read the files again if they have changed; whether what is believed has."""
        seen = stamps(self._trust.files)
        if seen == self._stamps:
            return False
        self._stamps = seen
        try:
            self._trust = read_trust(self._file)
        except CatalogueError as e:
            self._tell(f"{e}; what was read before stays in force")
            return False
        self._stamps = stamps(self._trust.files)
        self._known.clear()
        return True

    def why_ended(self, grant: Grant) -> str | None:
        """Why a grant no longer holds; None: it does."""
        try:
            now = self.admit(grant.token)
        except NotAuthenticated as e:
            return str(e)
        return None if now == grant else "Invalid auth token: what its issuer may grant has changed"
