"""Line grammar of candump on the screen: `[(time)] interface id [length] bytes`, and of loggers that write alike."""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

import numpy as np

from renkei.can.logs.kernels import scan
from renkei.can.logs.kernels.scan import compiled

OPT_DELTA = scan.OPT_OWN  # 1: each time counts from the frame before
OPT_CHATTER = scan.OPT_OWN + 1  # 1: lines of another shape are the logger's own talk, not damage
OPEN, CLOSE, BRACKET, BRACKET_END = 40, 41, 91, 93
DAY_NS = 86_400_000_000_000


@compiled
def _date_ns(b, i):
    """`YYYY-MM-DD HH:MM:SS.ffffff` as ns since 1970 in the zone of the writer; the same position when it is none."""
    year, j = scan.decimal(b, i)
    if j != i + 4 or b[j] != 45:
        return np.int64(0), i
    month, j = scan.decimal(b, j + 1)
    if b[j] != 45:
        return np.int64(0), i
    day, j = scan.decimal(b, j + 1)
    hour, k = scan.decimal(b, scan.blanks(b, j))
    if b[k] != 58:
        return np.int64(0), i
    minute, k = scan.decimal(b, k + 1)
    if b[k] != 58:
        return np.int64(0), i
    second_ns, end = scan.fixed_ns(b, k + 1, 9)
    # Days since 1970 by counting from 1 March: the leap day is then the last of its year.
    y = year - (1 if month <= 2 else 0)
    m = (month + 9) % 12
    days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * m + 2) // 5 + day - 1 - 719_468
    return days * DAY_NS + (hour * 60 + minute) * 60 * scan.POW10[9] + second_ns, end


@compiled
def _time(b, i, opt, state):
    """The time in parentheses, 0 where there is none: (ns, position; the same when it cannot be read)."""
    if b[i] != OPEN:
        return np.int64(0), i
    first = scan.blanks(b, i + 1)
    ns, j = _date_ns(b, first)
    if j == first:
        ns, j = scan.fixed_ns(b, first, opt[scan.OPT_DECIMALS])
    if j == first or b[j] != CLOSE:
        return np.int64(0), i
    if opt[OPT_DELTA]:
        ns += state[scan.STATE_LAST_T]
    return ns, scan.blanks(b, j + 1)


@compiled
def _to_bracket(b, i):
    """Over the words of `candump -x` (direction and flags) to the identifier: the word before the `[`."""
    for _ in range(4):
        end = scan.word_end(b, i)
        after = scan.blanks(b, end)
        if b[after] == BRACKET or b[after] == scan.NEWLINE:
            break
        i = after
    return i


@compiled
def _line(b, i, opt, state, names, t, channel, id, length, data):
    n = state[scan.STATE_FRAMES]
    bad = np.int64(scan.COMMENT if opt[OPT_CHATTER] else scan.BAD_LINE)
    i = scan.blanks(b, i)
    if b[i] == scan.NEWLINE:
        return np.int64(scan.COMMENT), i
    ns, j = _time(b, i, opt, state)
    if b[i] == OPEN and j == i:
        return np.int64(scan.BAD_TIME), i
    name = j
    end = scan.word_end(b, name)
    i = scan.blanks(b, end)
    if b[i] == BRACKET or b[i] == scan.NEWLINE or end - name > 16:
        return bad, i
    i = _to_bracket(b, i)
    number, j = scan.hexadecimal(b, i)
    digits = j - i
    i = scan.blanks(b, j)
    if digits == 0 or b[i] != BRACKET:
        return bad, i
    if number >= 0x2000_0000 and number <= 0x3FFF_FFFF:
        return np.int64(scan.IGNORED), i
    if number > 0x1FFF_FFFF or (digits <= 3 and number > 0x7FF):
        return np.int64(scan.BAD_ID), i
    count, j = scan.decimal(b, scan.blanks(b, i + 1))
    if b[j] != BRACKET_END or count > 64:
        return np.int64(scan.BAD_LENGTH), i
    i = scan.blanks(b, j + 1)
    if (b[i] | 32) == 114:  # remote request
        return np.int64(scan.IGNORED), i
    scan.clear(data, n)
    verdict, i = scan.separated_bytes(b, i, data, n, count, 32)
    if verdict != scan.FRAME:
        return verdict, i
    c, _ = scan.channel_of(b, name, names, state)
    if c < 0:
        return c, i
    state[scan.STATE_LAST_T] = ns
    scan.put(n, ns + opt[scan.OPT_SHIFT], c, number, digits > 3, count, t, channel, id, length)
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
