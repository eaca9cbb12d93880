"""Line grammar of `candump -L`: `(seconds) interface id#data`."""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

import numpy as np

from renkei.can.logs.kernels.scan import (
    BAD_DATA,
    BAD_FLAG,
    BAD_ID,
    BAD_LINE,
    BAD_TIME,
    COMMENT,
    EXTENDED_FLAG,
    FRAME,
    HEX,
    IGNORED,
    NEWLINE,
    NOT_HEX,
    OPT_DECIMALS,
    OPT_SHIFT,
    STATE_FRAMES,
    STATE_WIDE,
    WIDE,
    blanks,
    byte_pairs,
    channel_of,
    clear,
    close_line,
    compiled,
    fixed_ns,
    hexadecimal,
)

HASH = 35
ERROR_FRAME = 0x2000_0000


@compiled
def _payload(b, i, data, n):
    """After the first `#`: (number of bytes, or a verdict shifted left by 8, or a negative verdict; position)."""
    most = 8
    if b[i] == HASH:
        if HEX[b[i + 1]] == NOT_HEX:
            return np.int64(BAD_FLAG), i
        most = 64
        i += 2
    elif (b[i] | 32) == 114:  # R: remote request, perhaps with a length
        return np.int64(IGNORED) << 8, i
    clear(data, n)
    count, i = byte_pairs(b, i, data, n, most)
    if b[i] == 95 and count == 8:  # _9 to _F: the raw length code of an 8-byte frame (candump -8)
        i += 2
    if 0 <= count <= 64 and b[i] > 32:
        return np.int64(BAD_DATA), i
    return count, i


@compiled
def _line(b, i, opt, state, names, t, channel, id, length, data):
    n = state[STATE_FRAMES]
    i = blanks(b, i)
    if b[i] == NEWLINE:
        return np.int64(COMMENT), i
    if b[i] != 40:
        return np.int64(BAD_LINE), i
    ns, j = fixed_ns(b, i + 1, opt[OPT_DECIMALS])
    if j == i + 1 or b[j] != 41:
        return np.int64(BAD_TIME), i
    i = blanks(b, j + 1)
    c, j = channel_of(b, i, names, state)
    if c < 0:
        return c, i
    i = blanks(b, j)
    number, j = hexadecimal(b, i)
    digits = j - i
    if b[j] != HASH or (digits != 8 and (digits == 0 or digits > 3)) or number > 0x3FFF_FFFF:
        return np.int64(BAD_ID), i
    if number >= ERROR_FRAME:
        return np.int64(IGNORED), j
    if digits <= 3 and number > 0x7FF:
        return np.int64(BAD_ID), i
    count, i = _payload(b, j + 1, data, n)
    if count < 0:
        return count, i
    if count > 64:
        return count >> 8, i
    t[n] = ns + opt[OPT_SHIFT]
    channel[n] = c
    id[n] = np.uint32(number) | (EXTENDED_FLAG if digits == 8 else np.uint32(0))
    length[n] = count
    return np.int64(FRAME), i


@compiled
def kernel(b, at, stop, opt, state, names, t, channel, id, length, data):
    while at < stop and state[STATE_FRAMES] < t.shape[0]:
        verdict, pos = _line(b, at, opt, state, names, t, channel, id, length, data)
        if verdict == WIDE:
            state[STATE_WIDE] = 1
            return at
        at = close_line(b, at, pos, verdict, state)
    return at
