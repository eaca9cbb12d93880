"""Primitives that read numbers, names and bytes out of a uint8 buffer whose lines all end with a newline.

Each takes a position and returns the position after what it read; the same position means that nothing was read.
No primitive reads past a newline.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Kernels allocate nothing, so numba's reference counts on every array passed between primitives are switched off:
# with them the same code takes four times as long.
compiled = njit(cache=True, nogil=True, _nrt=False)  # type: ignore[call-overload]

# What `opt` holds. From OPT_OWN on each dialect has its own.
OPT_DECIMALS = 0  # a time of 1 is 10**DECIMALS ns: 9 for s, 6 for ms, 3 for us, 0 for ns
OPT_SHIFT = 1  # ns added to every time
OPT_OWN = 2
OPT_SIZE = 40

# What `state` holds.
STATE_FRAMES = 0  # frames in the columns now
STATE_LINE = 1  # lines closed so far
STATE_SKIPPED = 2
STATE_IGNORED = 3
STATE_FIRST_LINE = 4  # the first line that could not be read: its number, start, end, reason
STATE_FIRST_AT = 5
STATE_FIRST_END = 6
STATE_FIRST_WHY = 7
STATE_NAMES = 8  # channel names known
STATE_WIDE = 9  # a frame longer than the columns are wide stands next
STATE_LAST_T = 10  # for dialects whose times depend on the line before
STATE_WRAPS = 11
STATE_SEEN = 12  # data frames seen so far
STATE_CHANNEL = 13  # index of the last channel seen: the next line often has the same
STATE_OWN = 14  # from here on each kernel has its own
STATE_SIZE = 24

# Verdicts on a line. Negative: it cannot be read, for the reason REASONS[-verdict].
FRAME = 1
COMMENT = 2
IGNORED = 3
WIDE = 4
BAD_LINE = -1
BAD_TIME = -2
BAD_CHANNEL = -3
BAD_ID = -4
BAD_LENGTH = -5
BAD_DATA = -6
BAD_FLAG = -7
TOO_MANY_CHANNELS = -8

REASONS = (
    "",
    "not a line of this dialect",
    "time not readable",
    "channel not readable",
    "identifier not readable",
    "length not readable or not as many bytes as it says",
    "data bytes not readable",
    "flag or direction not readable",
    "more than 250 channels",
)

MAX_CHANNELS = 250
NEWLINE = 10
CAN = 0x63616E  # the name of the one channel of a log that names none
EXTENDED_FLAG = np.uint32(0x8000_0000)
NOT_HEX = 255


def _hex_table() -> NDArray[np.uint8]:
    table = np.full(256, NOT_HEX, np.uint8)
    for value, digits in enumerate(zip("0123456789abcdef", "0123456789ABCDEF", strict=True)):
        for digit in digits:
            table[ord(digit)] = value
    return table


HEX = _hex_table()
POW10 = np.array([10**k for k in range(10)], np.int64)
LAST_WHOLE = np.array([(2**63 - 1) // 10**k - 1 for k in range(10)], np.int64)
FD_LENGTH = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64], np.int64)


@compiled
def blanks(b, i):
    """Over blanks, tabs, carriage returns and NUL bytes (some tools write them between fields)."""
    while b[i] == 32 or b[i] == 9 or b[i] == 13 or b[i] == 0:
        i += 1
    return i


@compiled
def word_end(b, i):
    """To the first blank, tab, carriage return, NUL or newline."""
    while b[i] > 32:
        i += 1
    return i


@compiled
def decimal(b, i):
    """A whole number without sign, at most 18 digits; a longer one reads as nothing."""
    value = np.int64(0)
    j = i
    while 48 <= b[j] <= 57:
        value = value * 10 + (np.int64(b[j]) - 48)
        j += 1
    if j - i > 18:
        return np.int64(0), i
    return value, j


@compiled
def fixed_ns(b, i, decimals):
    """A number with optional sign and point, in units of 10**decimals ns, as int64 ns, never through float.

    Digits below 1 ns are dropped. A time beyond the range of int64 reads as nothing.
    """
    start = i
    negative = b[i] == 45
    if negative:
        i += 1
    whole, j = decimal(b, i)
    if j == i or whole > LAST_WHOLE[decimals]:
        return np.int64(0), start
    ns = whole * POW10[decimals]
    if b[j] == 46:
        part = np.int64(0)
        k = j + 1
        left = decimals
        while 48 <= b[k] <= 57:
            if left > 0:
                part = part * 10 + (np.int64(b[k]) - 48)
                left -= 1
            k += 1
        if k > j + 1:
            ns += part * POW10[left]
            j = k
    if negative:
        ns = -ns
    return ns, j


@compiled
def hexadecimal(b, i):
    """A hexadecimal number without prefix, at most 15 digits; a longer one reads as nothing."""
    value = np.int64(0)
    j = i
    h = HEX[b[j]]
    while h != NOT_HEX:
        value = (value << 4) | np.int64(h)
        j += 1
        h = HEX[b[j]]
    if j - i > 15:
        return np.int64(0), i
    return value, j


@compiled
def prefixed_hex(b, i):
    """A hexadecimal number, with or without `0x`."""
    start = i
    if b[i] == 48 and (b[i + 1] | 32) == 120:
        i += 2
    value, j = hexadecimal(b, i)
    if j == i:
        return np.int64(0), start
    return value, j


@compiled
def _find_channel(low, high, names, state):
    """Index of a packed name, which becomes the current channel; a new one is added."""
    known = state[STATE_NAMES]
    c = np.int64(0)
    while c < known and (names[c, 0] != low or names[c, 1] != high):
        c += 1
    if c == MAX_CHANNELS:
        return np.int64(TOO_MANY_CHANNELS)
    if c == known:
        names[c, 0] = low
        names[c, 1] = high
        state[STATE_NAMES] = known + 1
    state[STATE_CHANNEL] = c
    return c


@compiled
def channel_of(b, i, names, state):
    """(index of the channel named by the word at i, or a verdict; position after it).

    A name has 1 to 16 bytes and ends at a blank, comma or semicolon; a new one is added.
    """
    start = i
    low = np.int64(0)
    high = np.int64(0)
    while b[i] > 32 and b[i] != 44 and b[i] != 59 and i < start + 8:
        low = (low << 8) | np.int64(b[i])
        i += 1
    while b[i] > 32 and b[i] != 44 and b[i] != 59 and i < start + 16:
        high = (high << 8) | np.int64(b[i])
        i += 1
    if i == start or (b[i] > 32 and b[i] != 44 and b[i] != 59):
        return np.int64(BAD_CHANNEL), i
    c = state[STATE_CHANNEL]
    if names[c, 0] == low and names[c, 1] == high:
        return c, i
    return _find_channel(low, high, names, state), i


@compiled
def digit_channel(b, i, names, state):
    """Index of the channel named by the one digit at i, whatever follows it."""
    low = np.int64(b[i])
    c = state[STATE_CHANNEL]
    if names[c, 0] == low and names[c, 1] == 0:
        return c
    return _find_channel(low, np.int64(0), names, state)


@compiled
def unnamed_channel(names, state):
    """The channel of a frame for which the log names none: "can"."""
    c = state[STATE_CHANNEL]
    if names[c, 0] == CAN and names[c, 1] == 0:
        return c
    return _find_channel(np.int64(CAN), np.int64(0), names, state)


@compiled
def clear(data, n):
    """Zeros in row n: Frames are zero after their length."""
    for k in range(data.shape[1]):
        data[n, k] = 0


@compiled
def byte_pairs(b, i, data, n, most):
    """Two-digit hexadecimal bytes without separators (a dot between is let pass) into row n, at most `most`.

    Returns (number of bytes, position); instead of the number a negative verdict when they cannot be read, or
    WIDE << 8 when the columns are too narrow.
    """
    width = data.shape[1]
    count = np.int64(0)
    while True:
        high = HEX[b[i]]
        if high == NOT_HEX:
            return count, i
        low = HEX[b[i + 1]]
        if low == NOT_HEX:
            return np.int64(BAD_DATA), i
        if count >= most:
            return np.int64(BAD_LENGTH), i
        if count >= width:
            return np.int64(WIDE) << 8, i
        data[n, count] = (high << 4) | low
        count += 1
        i += 2
        if b[i] == 46:
            i += 1


@compiled
def separated_bytes(b, i, data, n, want, separator):
    """`want` hexadecimal bytes into row n, each after `separator` (32: any run of blanks, none between two digits).

    `0x` may stand before a byte. Returns (FRAME or a verdict, position).
    """
    if want > data.shape[1]:
        return np.int64(WIDE), i
    for k in range(want):
        i = blanks(b, i)
        if separator != 32 and k > 0:
            if b[i] != separator:
                return np.int64(BAD_LENGTH), i
            i = blanks(b, i + 1)
        if b[i] == 48 and (b[i + 1] | 32) == 120:
            i += 2
        high = HEX[b[i]]
        if high == NOT_HEX:
            return np.int64(BAD_LENGTH if b[i] < 48 else BAD_DATA), i
        low = HEX[b[i + 1]]
        if low == NOT_HEX:
            if b[i + 1] > 44:
                return np.int64(BAD_DATA), i
            data[n, k] = high
            i += 1
        else:
            data[n, k] = (high << 4) | low
            i += 2
    if want > 0 and HEX[b[i]] != NOT_HEX:
        return np.int64(BAD_LENGTH if separator == 32 else BAD_DATA), i
    return np.int64(FRAME), i


@compiled
def decimal_bytes(b, i, data, n, want):
    """`want` decimal bytes with blanks between, into row n: (FRAME or a verdict, position)."""
    if want > data.shape[1]:
        return np.int64(WIDE), i
    for k in range(want):
        i = blanks(b, i)
        value, j = decimal(b, i)
        if j == i or value > 255 or b[j] > 32:
            return np.int64(BAD_LENGTH if b[i] == NEWLINE else BAD_DATA), i
        data[n, k] = value
        i = j
    return np.int64(FRAME), i


@compiled
def put(n, ns, c, number, extended, count, t, channel, id, length):
    """One frame's columns but its data."""
    t[n] = ns
    channel[n] = c
    id[n] = np.uint32(number) | (EXTENDED_FLAG if extended else np.uint32(0))
    length[n] = count


@compiled
def close_line(b, at, pos, verdict, state):
    """Count the line that starts at `at` and was read up to `pos`; returns the start of the next."""
    end = pos
    while b[end] != NEWLINE:
        end += 1
    state[STATE_LINE] += 1
    if verdict == FRAME:
        state[STATE_FRAMES] += 1
        state[STATE_SEEN] += 1
    elif verdict == IGNORED:
        state[STATE_IGNORED] += 1
    elif verdict < 0:
        if state[STATE_SKIPPED] == 0:
            state[STATE_FIRST_LINE] = state[STATE_LINE]
            state[STATE_FIRST_AT] = at
            state[STATE_FIRST_END] = end
            state[STATE_FIRST_WHY] = -verdict
        state[STATE_SKIPPED] += 1
    return end + 1
