"""Line grammar of OVMS CRTD: `seconds [bus]R11 id bytes`."""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

import numpy as np

from renkei.can.logs.kernels import scan
from renkei.can.logs.kernels.scan import compiled


@compiled
def _line(b, i, opt, state, names, t, channel, id, length, data):
    n = state[scan.STATE_FRAMES]
    i = scan.blanks(b, i)
    if b[i] == scan.NEWLINE:
        return np.int64(scan.COMMENT), i
    ns, j = scan.fixed_ns(b, i, opt[scan.OPT_DECIMALS])
    if j == i or b[j] > 32:
        return np.int64(scan.BAD_TIME), i
    i = scan.blanks(b, j)
    bus = i
    _, i = scan.decimal(b, i)
    kind = b[i] | 32
    if kind == 99:  # CXX, CVR, CEV, CST: comment, version, event, statistics
        return np.int64(scan.COMMENT), i
    if kind != 114 and kind != 116:
        return np.int64(scan.BAD_FLAG), i
    bits, j = scan.decimal(b, i + 1)
    if (bits != 11 and bits != 29) or b[j] > 32:
        return np.int64(scan.BAD_FLAG), i
    named = i > bus
    i = scan.blanks(b, j)
    number, j = scan.hexadecimal(b, i)
    if j == i or b[j] > 32 or number > (0x7FF if bits == 11 else 0x1FFF_FFFF):
        return np.int64(scan.BAD_ID), i
    scan.clear(data, n)
    count, i = _bytes(b, j, data, n)
    if count < 0:
        return count, i
    c = scan.digit_channel(b, bus, names, state) if named else scan.unnamed_channel(names, state)
    if c < 0:
        return c, i
    scan.put(n, ns + opt[scan.OPT_SHIFT], c, number, bits == 29, count, t, channel, id, length)
    return np.int64(scan.FRAME), i


@compiled
def _bytes(b, i, data, n):
    """Bytes up to the end of the line: (their number or a verdict, position)."""
    count = np.int64(0)
    i = scan.blanks(b, i)
    while b[i] != scan.NEWLINE:
        if count == 8:
            return np.int64(scan.BAD_LENGTH), i
        value, j = scan.hexadecimal(b, i)
        if j == i or j - i > 2 or b[j] > 32:
            return np.int64(scan.BAD_DATA), i
        data[n, count] = value
        count += 1
        i = scan.blanks(b, j)
    return count, i


@compiled
def kernel(b, at, stop, opt, state, names, t, channel, id, length, data):
    while at < stop and state[scan.STATE_FRAMES] < t.shape[0]:
        verdict, pos = _line(b, at, opt, state, names, t, channel, id, length, data)
        if verdict == scan.WIDE:
            state[scan.STATE_WIDE] = 1
            return at
        at = scan.close_line(b, at, pos, verdict, state)
    return at
