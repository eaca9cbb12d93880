"""Line grammar of GVRET csv: `Time Stamp,ID,Extended,[Dir,]Bus,LEN,D1,...`."""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

import numpy as np

from renkei.can.logs.kernels.scan import (
    BAD_CHANNEL,
    BAD_FLAG,
    BAD_ID,
    BAD_LENGTH,
    BAD_TIME,
    COMMENT,
    EXTENDED_FLAG,
    FRAME,
    NEWLINE,
    OPT_DECIMALS,
    OPT_OWN,
    OPT_SHIFT,
    STATE_FRAMES,
    STATE_WIDE,
    WIDE,
    blanks,
    channel_of,
    clear,
    close_line,
    comma_bytes,
    compiled,
    decimal,
    fixed_ns,
    hexadecimal,
)

OPT_DIR = OPT_OWN
COMMA = 44


@compiled
def _truth(b, i):
    """(1 for `true`, 0 for `false`, in any case, also as digits; -1 for else; position after the word)."""
    first = b[i] | 32
    j = i
    while b[j] != COMMA and b[j] > 32:
        j += 1
    if (first == 116 and j - i == 4) or (b[i] == 49 and j - i == 1):
        return np.int64(1), j
    if (first == 102 and j - i == 5) or (b[i] == 48 and j - i == 1):
        return np.int64(0), j
    return np.int64(-1), j


@compiled
def _line(b, i, opt, state, names, t, channel, id, length, data):
    n = state[STATE_FRAMES]
    i = blanks(b, i)
    if b[i] == NEWLINE:
        return np.int64(COMMENT), i
    ns, j = fixed_ns(b, i, opt[OPT_DECIMALS])
    if j == i or b[j] != COMMA:
        # The header is the first line; joined recordings repeat it.
        header = (b[i] | 32) == 116 and (b[i + 1] | 32) == 105
        return np.int64(COMMENT if header else BAD_TIME), i
    i = blanks(b, j + 1)
    number, j = hexadecimal(b, i)
    if j == i or b[j] != COMMA or number > 0x1FFF_FFFF:
        return np.int64(BAD_ID), i
    extended, i = _truth(b, j + 1)
    if extended < 0 or b[i] != COMMA or (extended == 0 and number > 0x7FF):
        return np.int64(BAD_FLAG if extended < 0 else BAD_ID), i
    if opt[OPT_DIR]:
        i += 1
        while b[i] != COMMA and b[i] != NEWLINE:
            i += 1
        if b[i] != COMMA:
            return np.int64(BAD_FLAG), i
    i = blanks(b, i + 1)
    c, i = channel_of(b, i, names, state)
    if c < 0 or b[i] != COMMA:
        return np.int64(BAD_CHANNEL), i
    i = blanks(b, i + 1)
    count, j = decimal(b, i)
    if j == i or count > 64:
        return np.int64(BAD_LENGTH), i
    clear(data, n)
    verdict, i = comma_bytes(b, j, data, n, count)
    if verdict != FRAME:
        return verdict, i
    t[n] = ns + opt[OPT_SHIFT]
    channel[n] = c
    id[n] = np.uint32(number) | (EXTENDED_FLAG if extended else np.uint32(0))
    length[n] = count
    return verdict, i


@compiled
def kernel(b, at, stop, opt, state, names, t, channel, id, length, data):
    while at < stop and state[STATE_FRAMES] < t.shape[0]:
        verdict, pos = _line(b, at, opt, state, names, t, channel, id, length, data)
        if verdict == WIDE:
            state[STATE_WIDE] = 1
            return at
        at = close_line(b, at, pos, verdict, state)
    return at
