"""Line grammar of `candump -L`: `(seconds) interface id#data`."""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

import numpy as np

from renkei.can.logs.kernels import scan
from renkei.can.logs.kernels.scan import compiled

HASH = 35
ERROR_FRAME = 0x2000_0000


@compiled
def _payload(b, i, data, n):
    """After the first `#`: (number of bytes, or a verdict shifted left by 8, or a negative verdict; position)."""
    most = 8
    if b[i] == HASH:
        if scan.HEX[b[i + 1]] == scan.NOT_HEX:
            return np.int64(scan.BAD_FLAG), i
        most = 64
        i += 2
    elif (b[i] | 32) == 114:  # R: remote request, perhaps with a length
        return np.int64(scan.IGNORED) << 8, i
    scan.clear(data, n)
    count, i = scan.byte_pairs(b, i, data, n, most)
    if (
        count == 8 and b[i] == 95 and scan.HEX[b[i + 1]] != scan.NOT_HEX
    ):  # _9 to _F: the raw length code of an 8-byte frame (candump -8)
        i += 2
    if 0 <= count <= 64 and b[i] > 32:
        return np.int64(scan.BAD_DATA), i
    return count, i


@compiled
def _line(b, i, opt, state, names, t, channel, id, length, data):
    n = state[scan.STATE_FRAMES]
    i = scan.blanks(b, i)
    if b[i] == scan.NEWLINE:
        return np.int64(scan.COMMENT), i
    if b[i] != 40:
        return np.int64(scan.BAD_LINE), i
    ns, j = scan.fixed_ns(b, i + 1, opt[scan.OPT_DECIMALS])
    if j == i + 1 or b[j] != 41:
        return np.int64(scan.BAD_TIME), i
    i = scan.blanks(b, j + 1)
    name = i
    i = scan.blanks(b, scan.word_end(b, i))
    number, j = scan.hexadecimal(b, i)
    digits = j - i
    if b[j] != HASH or (digits != 8 and (digits == 0 or digits > 3)) or number > 0x3FFF_FFFF:
        return np.int64(scan.BAD_ID), i
    if number >= ERROR_FRAME:
        return np.int64(scan.IGNORED), j
    if digits <= 3 and number > 0x7FF:
        return np.int64(scan.BAD_ID), i
    count, i = _payload(b, j + 1, data, n)
    if count < 0:
        return count, i
    if count > 64:
        return count >> 8, i
    # Last, so that a line that cannot be read adds no channel.
    c, _ = scan.channel_of(b, name, names, state)
    if c < 0:
        return c, i
    scan.put(n, ns + opt[scan.OPT_SHIFT], c, number, digits == 8, count, t, channel, id, length)
    return np.int64(scan.FRAME), i


@compiled
def kernel(b, at, stop, opt, state, names, t, channel, id, length, data):
    while at < stop and state[scan.STATE_FRAMES] < t.shape[0]:
        verdict, pos = _line(b, at, opt, state, names, t, channel, id, length, data)
        if verdict == scan.WIDE:
            state[scan.STATE_WIDE] = 1
            return at
        at = scan.close_line(b, at, pos, verdict, state)
    return at
