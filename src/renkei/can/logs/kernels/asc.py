"""Line grammar of Vector ASC, classic and CAN FD rows; rows of other buses and events are passed over."""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

import numpy as np

from renkei.can.logs.kernels import scan
from renkei.can.logs.kernels.scan import compiled

OPT_BASE = scan.OPT_OWN  # 16 or 10: how ids and data read
OPT_RELATIVE = scan.OPT_OWN + 1  # 1: each time counts from the row before
CLASSIC, FD = 1, 2


@compiled
def _number(b, i, base):
    value, j = scan.hexadecimal(b, i) if base == 16 else scan.decimal(b, i)
    return value, j


@compiled
def _identifier(b, i, base):
    """(number, 1 for 29 bits, position); the same position when it cannot be read."""
    number, j = _number(b, i, base)
    extended = (b[j] | 32) == 120
    if j == i:
        return number, extended, i
    if extended:
        j += 1
    if b[j] > 32 or number > (0x1FFF_FFFF if extended else 0x7FF):
        return number, extended, i
    return number, extended, j


@compiled
def _is_error(b, i):
    """Whether the word at i is ErrorFrame."""
    return (b[i] | 32) == 101 and (b[i + 1] | 32) == 114 and (b[i + 2] | 32) == 114


@compiled
def _payload(b, i, opt, data, n, count):
    scan.clear(data, n)
    if opt[OPT_BASE] == 16:
        return scan.separated_bytes(b, i, data, n, count, 32)
    return scan.decimal_bytes(b, i, data, n, count)


@compiled
def _classic(b, i, opt, data, n):
    """After the channel: (verdict, position, number, extended, count)."""
    none = np.int64(0)
    if _is_error(b, i):
        return np.int64(scan.IGNORED), i, none, False, none
    end = scan.word_end(b, i)
    number, extended, j = _identifier(b, i, opt[OPT_BASE])
    i = scan.blanks(b, end)
    direction = i
    i = scan.blanks(b, scan.word_end(b, i))
    if (b[direction + 1] | 32) != 120:
        # A word that ends with a colon opens a status row of the channel, such as `1 Statistic:`.
        return np.int64(scan.IGNORED if b[end - 1] == 58 else scan.BAD_FLAG), i, none, False, none
    if b[direction + 2] > 32:  # TxRq: the request, its frame follows as Tx
        return np.int64(scan.IGNORED), i, none, False, none
    if (b[i] | 32) == 114:
        return np.int64(scan.IGNORED), i, none, False, none
    if j != end:
        return np.int64(scan.BAD_ID), i, none, False, none
    if (b[i] | 32) != 100 or b[i + 1] > 32:
        return np.int64(scan.BAD_FLAG), i, none, False, none
    # The length code is one hexadecimal digit; classic frames with a code above 8 carry 8 bytes.
    count, j = scan.hexadecimal(b, scan.blanks(b, i + 1))
    if b[j] > 32 or count > 15:
        return np.int64(scan.BAD_LENGTH), i, none, False, none
    count = min(count, np.int64(8))
    verdict, i = _payload(b, j, opt, data, n, count)
    return verdict, i, number, extended, count


@compiled
def _fd(b, i, opt, data, n):
    """After the channel of a CANFD row: (verdict, position, number, extended, count)."""
    none = np.int64(0)
    direction = i
    i = scan.blanks(b, scan.word_end(b, i))
    if _is_error(b, i):
        return np.int64(scan.IGNORED), i, none, False, none
    if (b[direction + 1] | 32) != 120:
        return np.int64(scan.BAD_FLAG), direction, none, False, none
    number, extended, j = _identifier(b, i, opt[OPT_BASE])
    if j == i:
        return np.int64(scan.BAD_ID), i, none, False, none
    i = scan.blanks(b, j)
    # A symbolic name may stand before the two flag digits BRS and ESI.
    if not (b[i] == 48 or b[i] == 49) or b[i + 1] > 32:
        i = scan.blanks(b, scan.word_end(b, i))
    i = scan.blanks(b, scan.word_end(b, i))
    i = scan.blanks(b, scan.word_end(b, i))
    i = scan.blanks(b, scan.word_end(b, i))  # over the length code: the data length follows
    count, j = scan.decimal(b, i)
    if j == i or b[j] > 32 or count > 64:
        return np.int64(scan.BAD_LENGTH), i, none, False, none
    verdict, i = _payload(b, j, opt, data, n, count)
    return verdict, i, number, extended, count


@compiled
def _row(b, i, ns, opt, state, names, t, channel, id, length, data):
    """What follows the time of a row: (verdict, position)."""
    n = state[scan.STATE_FRAMES]
    family = CLASSIC
    if (b[i] | 32) == 99 and (b[i + 1] | 32) == 97 and (b[i + 3] | 32) == 102 and b[i + 5] <= 32:
        family = FD
        i = scan.blanks(b, i + 5)
    if b[i] < 48 or b[i] > 57:
        # Events, statistics, LIN, FlexRay, Ethernet: rows of the dialect that are not CAN frames.
        return np.int64(scan.IGNORED), i
    name = i
    i = scan.blanks(b, scan.word_end(b, i))
    if family == CLASSIC:
        verdict, i, number, extended, count = _classic(b, i, opt, data, n)
    else:
        verdict, i, number, extended, count = _fd(b, i, opt, data, n)
    if verdict != scan.FRAME:
        return verdict, i
    c, _ = scan.channel_of(b, name, names, state)
    if c < 0:
        return c, i
    scan.put(n, ns + opt[scan.OPT_SHIFT], c, number, extended, count, t, channel, id, length)
    return verdict, i


@compiled
def _line(b, i, opt, state, names, t, channel, id, length, data):
    i = scan.blanks(b, i)
    if b[i] < 48 or b[i] > 57:
        # Header, comment, trigger block: ASC has no closed list of these, and dates come in any language.
        return np.int64(scan.COMMENT), i
    ns, j = scan.fixed_ns(b, i, opt[scan.OPT_DECIMALS])
    if j == i or b[j] > 32:
        return np.int64(scan.BAD_TIME), i
    if opt[OPT_RELATIVE]:
        ns += state[scan.STATE_LAST_T]
    verdict, i = _row(b, scan.blanks(b, j), ns, opt, state, names, t, channel, id, length, data)
    if verdict != scan.WIDE:  # a row that needs wider columns is read again
        state[scan.STATE_LAST_T] = ns
    return verdict, i


@compiled
def kernel(b, at, stop, opt, state, names, t, channel, id, length, data):
    while at < stop and state[scan.STATE_FRAMES] < t.shape[0]:
        verdict, pos = _line(b, at, opt, state, names, t, channel, id, length, data)
        if verdict == scan.WIDE:
            state[scan.STATE_WIDE] = 1
            return at
        at = scan.close_line(b, at, pos, verdict, state)
    return at
