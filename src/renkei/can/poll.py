"""Asks for answers on diagnostics (UDS over ISO-TP), one at a time on a bus. Pure: frames and times in, frames out.

Own code rather than the can-isotp package: a request is one frame of at most four bytes and answers are put together
already (isotp.py), so that flow control, one frame, is all that was missing; the package brings threads of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from renkei.can.isotp import Reassembly, frames_of
from renkei.can.plan import PlanMessage

ANSWER_S = 1.0
"""How long to wait for the first frame of an answer, and from one of its frames to the next (N_Cr)."""
PENDING_S = 5.0
"""How long to wait after "response pending" (P2* of ISO 14229-2)."""
PAUSE_S = 0.05
"""Silence between an answer and the next request."""
LONGEST_S = 30.0
"""What does not answer is asked less and less often, down to this."""
_REFUSED, _PENDING = 0x7F, 0x78
_GO_ON = bytes([0x30, 0, 0]).ljust(8, b"\0")
"""Flow control: continue to send, all of it, at your own pace."""

Request = tuple[int, bytes]
"""Identifier and payload of a frame."""


@dataclass(slots=True)
class Asked:
    """What became of the requests."""

    requests: int = 0
    answers: int = 0
    refused: int = 0
    timeouts: int = 0

    def __str__(self) -> str:
        unanswered = f"{self.refused} refused, {self.timeouts} without an answer in time"
        return f"{self.requests} questions on diagnostics: {self.answers} answered, {unanswered}"


class Poller:
    """Asks one bus for those of its answers that the map wants to be asked for. Times are seconds of a steady clock."""

    def __init__(self, answers: Iterable[PlanMessage], now_s: float) -> None:
        self.counts = Asked()
        self._due = {a: now_s for a in answers if a.cycle_ns}
        self._misses = dict.fromkeys(self._due, 0)
        self._asked: PlanMessage | None = None
        self._reassembly = Reassembly()
        self._until_s = now_s

    def next(self, now_s: float) -> Request | None:
        """The request that is to be sent now, if one is."""
        if self._asked is not None and now_s > self._until_s:
            self.counts.timeouts += 1
            self._missed(self._asked, now_s)
        if self._asked is not None or now_s < self._until_s or not self._due:
            return None
        answer = min(self._due, key=self._due.__getitem__)
        if self._due[answer] > now_s:
            return None
        self.counts.requests += 1
        self._due[answer] = now_s + answer.cycle_ns / 1e9
        self._asked, self._until_s, self._reassembly = answer, now_s + ANSWER_S, Reassembly()
        return answer.request, frames_of(bytes([answer.prefix[0] - 0x40]) + answer.prefix[1:])[0]

    def heard(self, id_: int, data: bytes, now_s: float) -> Request | None:
        """Take a frame of the bus; the flow control that it calls for, if it does."""
        asked = self._asked
        if asked is None or id_ != asked.id or not data:
            return None
        if data[0] >> 4 == 1 and not data[2:].startswith(asked.prefix):
            return None  # an answer to somebody else
        whole = self._reassembly.feed(data)
        if whole is not None:
            self._judge(asked, whole, now_s)
        elif data[0] >> 4 in (1, 2):
            self._until_s = now_s + ANSWER_S
            return (asked.request, _GO_ON) if data[0] >> 4 == 1 else None
        return None

    def give_up(self, now_s: float) -> None:
        """The request could not be sent, or the bus is away."""
        if self._asked is not None:
            self._missed(self._asked, now_s)

    def _judge(self, asked: PlanMessage, payload: bytes, now_s: float) -> None:
        if payload.startswith(asked.prefix):
            self.counts.answers += 1
            self._misses[asked] = 0
            self._asked, self._until_s = None, now_s + PAUSE_S
        elif payload[:2] == bytes([_REFUSED, asked.prefix[0] - 0x40]):
            if payload[2:3] == bytes([_PENDING]):
                self._until_s = now_s + PENDING_S
                return
            self.counts.refused += 1
            self._missed(asked, now_s)

    def _missed(self, asked: PlanMessage, now_s: float) -> None:
        self._misses[asked] += 1
        every_s = asked.cycle_ns / 1e9
        self._due[asked] = now_s + max(every_s, min(every_s * 2 ** self._misses[asked], LONGEST_S))
        self._asked, self._until_s = None, now_s + PAUSE_S
