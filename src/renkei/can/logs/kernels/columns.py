"""Line grammar of every dialect that writes one frame a line in fixed columns: which columns, is data.

The columns stand in `opt` from OPT_COLUMNS on, one code each, ended by 0.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

import numpy as np

from renkei.can.logs.kernels import scan
from renkei.can.logs.kernels.scan import compiled

OPT_SEPARATOR = scan.OPT_OWN  # byte between columns; 32 stands for any run of blanks, tabs and NUL bytes
OPT_ID_RULE = scan.OPT_OWN + 1
OPT_CHATTER = scan.OPT_OWN + 2  # 1: lines that begin with a letter or a sign are the logger's own talk, not damage
OPT_COLUMNS = scan.OPT_OWN + 3

# How a line shows that its identifier has 29 bits.
ID_BY_VALUE, ID_BY_DIGITS, ID_BY_COLUMN = 0, 1, 2

# Column codes, by letter so that a layout reads as a word.
TIME, CLOCK, IDENTIFIER, EXTENDED, BUS = ord("T"), ord("W"), ord("I"), ord("E"), ord("B")
LENGTH, LENGTH_CODE, DATA, PAIRS, BASE64 = ord("l"), ord("L"), ord("D"), ord("P"), ord("6")
KIND, REMOTE, ANY, OPTIONAL_WORD = ord("K"), ord("r"), ord("-"), ord("?")

SPACE, COMMA, TAB = 32, 44, 9

# The columns of the line being read, kept in `state`.
ROW_NS, ROW_ID, ROW_DIGITS, ROW_EXTENDED = scan.STATE_OWN, scan.STATE_OWN + 1, scan.STATE_OWN + 2, scan.STATE_OWN + 3
ROW_BUS, ROW_LENGTH = scan.STATE_OWN + 4, scan.STATE_OWN + 5  # where the bus is named, -1 for nowhere; bytes
ROW_KIND = scan.STATE_OWN + 6  # 1 data, 2 CAN FD, 0 something else
ROW_CLOCK = scan.STATE_OWN + 7  # 1 where the time is a time of day
DAY_NS = 86_400_000_000_000
ERROR_ROW = 0xFFFF_FFFF


def _base64_table():
    table = np.full(256, 255, np.uint8)
    for value, digit in enumerate(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"):
        table[digit] = value
    return table


SEXTET = _base64_table()


@compiled
def _field_end(b, i, separator):
    while b[i] != scan.NEWLINE and b[i] != separator and (separator != SPACE or b[i] > SPACE):
        i += 1
    return i


@compiled
def _time(b, i, decimals):
    """Like fixed_ns, also with a negative exponent as Python writes it for small numbers."""
    ns, j = scan.fixed_ns(b, i, decimals)
    if j > i and (b[j] | 32) == 101 and b[j + 1] == 45:
        power, k = scan.decimal(b, j + 2)
        if k == j + 2 or power > 9:
            return np.int64(0), i
        return ns // scan.POW10[power], k
    return ns, j


@compiled
def _clock(b, i):
    """HH:MM:SS with a fraction after a colon, point or comma, as ns since the midnight before the first frame."""
    hours, j = scan.decimal(b, i)
    minutes, k = scan.decimal(b, j + 1) if b[j] == 58 else (np.int64(0), j)
    if k <= j + 1 or b[k] != 58:
        return np.int64(0), i
    seconds, j = scan.decimal(b, k + 1)
    ns = ((hours * 60 + minutes) * 60 + seconds) * scan.POW10[9]
    if j == k + 1 or hours > 23 or minutes > 59 or seconds > 59:
        return np.int64(0), i
    if b[j] == 58 or b[j] == 46 or b[j] == COMMA:
        part, k = scan.decimal(b, j + 1)
        if k == j + 1 or k - j > 10:
            return np.int64(0), i
        ns += part * scan.POW10[9 - (k - j - 1)]
        j = k
    return ns, j


@compiled
def _after_midnight(ns, state):
    """The clock time with a day added for each midnight passed so far: a step back of more than half a day is one."""
    if state[scan.STATE_SEEN] > 0 and ns < state[scan.STATE_LAST_T] - DAY_NS // 2:
        state[scan.STATE_WRAPS] += 1
    state[scan.STATE_LAST_T] = ns
    return ns + state[scan.STATE_WRAPS] * DAY_NS


@compiled
def _truth(b, i, end):
    """1 for true, 1, x, Extended; 0 for false, 0, s, Standard; -1 for anything else."""
    first = b[i] | 32
    size = end - i
    if size == 1 and (first == 120 or first == 115):  # x, s
        return 1 if first == 120 else 0
    if (size == 1 and b[i] == 49) or (size == 4 and first == 116) or (size >= 8 and first == 101):
        return 1
    if (size == 1 and b[i] == 48) or (size == 5 and first == 102) or (size >= 8 and first == 115):
        return 0
    return -1


@compiled
def _kind(b, i):
    """1 for a data frame, 2 for CAN FD, 0 for status, error and remote rows, -1 for else, by the first two letters."""
    first, second = b[i] | 32, b[i + 1] | 32
    if second == 120 and (first == 114 or first == 116):  # Rx, Tx
        return 1
    if first == 100 and (second == 116 or second == 97):  # DT, Data
        return 1
    if (first == 102 and (second == 100 or second == 98 or second == 101)) or (first == 98 and second == 105):
        return 2  # FD, FB, FE, BI
    if (first == 114 and (second == 114 or second == 101)) or (first == 115 and second == 116):  # RR, Remote, ST
        return 0
    if first == 101 and (second == 114 or second == 99 or second == 118):  # ER, Error, EC, EV
        return 0
    return 0 if first == 119 and second == 97 else -1  # Warng


@compiled
def _base64(b, i, data, n, want):
    """`want` bytes of base64 into row n: (FRAME or a verdict, position)."""
    if want > data.shape[1]:
        return np.int64(scan.WIDE), i
    bits, held, k = np.int64(0), 0, 0
    while SEXTET[b[i]] != 255:
        bits = ((bits << 6) | np.int64(SEXTET[b[i]])) & 0xFFFF
        held += 6
        i += 1
        if held >= 8:
            held -= 8
            if k == want:
                return np.int64(scan.BAD_LENGTH), i
            data[n, k] = (bits >> held) & 0xFF
            k += 1
    return np.int64(scan.FRAME if k == want else scan.BAD_LENGTH), i


@compiled
def _not_a_frame(b, start, opt, state, verdict):
    """`verdict`, or COMMENT where a line that begins at `start` is a header, a comment or talk, and no damage."""
    if b[start] == 59 or b[start] == 35 or b[start] == 42 or (b[start] == 47 and b[start + 1] == 47):  # ; # * //
        return np.int64(scan.COMMENT)
    chatter = (opt[OPT_CHATTER] == 1 or state[scan.STATE_SEEN] == 0) and (b[start] < 48 or b[start] > 57)
    return np.int64(scan.COMMENT if chatter else verdict)


@compiled
def _when(b, i, code, opt, state):
    if code == TIME:
        state[ROW_NS], end = _time(b, i, opt[scan.OPT_DECIMALS])
    else:
        state[ROW_NS], end = _clock(b, i)
        state[ROW_CLOCK] = 1
    fits = end > i and (b[end] <= SPACE or b[end] == opt[OPT_SEPARATOR])
    return np.int64(scan.FRAME if fits else scan.BAD_TIME), end


@compiled
def _identifier(b, i, separator, state):
    number, end = scan.prefixed_hex(b, i)
    if number == ERROR_ROW:
        return np.int64(scan.IGNORED), i
    if end == i or number > 0x1FFF_FFFF or (b[end] > SPACE and b[end] != separator):
        return np.int64(scan.BAD_ID), i
    state[ROW_ID], state[ROW_DIGITS] = number, end - i
    return np.int64(scan.FRAME), end


@compiled
def _length(b, i, code, separator, state):
    count, end = scan.decimal(b, i)
    if code == LENGTH_CODE and state[ROW_KIND] == 2 and count < 16:
        count = scan.FD_LENGTH[count]
    if end == i or count > 64 or (b[end] > SPACE and b[end] != separator):
        return np.int64(scan.BAD_LENGTH), i
    state[ROW_LENGTH] = count
    return np.int64(scan.FRAME), end


@compiled
def _payload(b, i, code, separator, state, data):
    n, count = state[scan.STATE_FRAMES], state[ROW_LENGTH]
    if code == BASE64:
        return _base64(b, i, data, n, count)
    if (b[i] | 32) == 114:  # RTR, where the bytes would stand
        return np.int64(scan.IGNORED), i
    return scan.separated_bytes(b, i, data, n, count, COMMA if separator == COMMA and code == DATA else SPACE)


@compiled
def _word(b, i, code, separator, state):
    """A column that is a word: flags that matter, and words to pass over."""
    end = _field_end(b, i, separator)
    if end == i and separator == SPACE:
        return np.int64(scan.BAD_LINE), i
    if code == EXTENDED:
        if end - i == 2 and (b[i + 1] | 32) == 114:  # sr, xr: remote
            return np.int64(scan.IGNORED), i
        state[ROW_EXTENDED] = _truth(b, i, end)
        return np.int64(scan.FRAME if state[ROW_EXTENDED] >= 0 else scan.BAD_FLAG), end
    if code == KIND:
        state[ROW_KIND] = _kind(b, i)
        if state[ROW_KIND] < 0:
            return np.int64(scan.BAD_FLAG), i
        return np.int64(scan.FRAME if state[ROW_KIND] else scan.IGNORED), end
    if code == REMOTE and _truth(b, i, end) == 1:
        return np.int64(scan.IGNORED), end
    return np.int64(scan.FRAME), end


@compiled
def _field(b, i, code, opt, state, data):
    """One column, read into `state`: (FRAME or a verdict on the line, position)."""
    separator = opt[OPT_SEPARATOR]
    if code in (TIME, CLOCK):
        return _when(b, i, code, opt, state)
    if code == IDENTIFIER:
        return _identifier(b, i, separator, state)
    if code == BUS:
        state[ROW_BUS] = i
        return np.int64(scan.FRAME), _field_end(b, i, separator)
    if code in (LENGTH, LENGTH_CODE):
        return _length(b, i, code, separator, state)
    if code in (DATA, PAIRS, BASE64):
        return _payload(b, i, code, separator, state, data)
    if code != OPTIONAL_WORD:
        return _word(b, i, code, separator, state)
    if 48 <= b[i] <= 57:
        return np.int64(scan.FRAME), i
    end = _field_end(b, i, separator)
    return np.int64(scan.FRAME if end == i + 1 else scan.BAD_LINE), end


@compiled
def _to_field(b, i, code, opt, state):
    """Over the separator: (FRAME or a verdict on the line, position)."""
    separator = opt[OPT_SEPARATOR]
    if separator == SPACE:
        return np.int64(scan.FRAME), scan.blanks(b, i)
    if separator != TAB:
        i = scan.blanks(b, i)
    if b[i] != separator:
        payload = code in (DATA, PAIRS, BASE64)
        if payload and state[ROW_LENGTH] == 0:
            return np.int64(scan.FRAME), i  # a frame without data may end before the data column
        return np.int64(scan.BAD_LENGTH if payload else scan.BAD_LINE), i
    return np.int64(scan.FRAME), i + 1 if separator == TAB else scan.blanks(b, i + 1)


@compiled
def _take(b, i, opt, state, names, t, channel, id, length):
    """The row that `state` holds becomes a frame: (FRAME or a verdict, position)."""
    number, rule = state[ROW_ID], opt[OPT_ID_RULE]
    extended = state[ROW_EXTENDED] == 1
    if rule == ID_BY_VALUE:
        extended = number > 0x7FF
    elif rule == ID_BY_DIGITS:
        extended = state[ROW_DIGITS] > 4
    if not extended and number > 0x7FF:
        return np.int64(scan.BAD_ID), i
    ns, bus = state[ROW_NS], state[ROW_BUS]
    # Only now, so that a line that cannot be read adds no channel.
    c, _ = (scan.unnamed_channel(names, state), i) if bus < 0 else scan.channel_of(b, bus, names, state)
    if c < 0:
        return c, i
    if state[ROW_CLOCK]:
        ns = _after_midnight(ns, state)
    n = state[scan.STATE_FRAMES]
    scan.put(n, ns + opt[scan.OPT_SHIFT], c, number, extended, state[ROW_LENGTH], t, channel, id, length)
    return np.int64(scan.FRAME), i


@compiled
def _line(b, i, opt, state, names, t, channel, id, length, data):
    start = scan.blanks(b, i)
    i = start
    if b[start] == scan.NEWLINE:
        return np.int64(scan.COMMENT), start
    state[ROW_BUS], state[ROW_LENGTH], state[ROW_KIND], state[ROW_CLOCK] = -1, 0, 1, 0
    scan.clear(data, state[scan.STATE_FRAMES])
    column = OPT_COLUMNS
    while opt[column] != 0:
        code = opt[column]
        if column > OPT_COLUMNS:
            verdict, i = _to_field(b, i, code, opt, state)
            if verdict != scan.FRAME:
                return _not_a_frame(b, start, opt, state, verdict), i
        verdict, i = _field(b, i, code, opt, state, data)
        if verdict < 0:
            return _not_a_frame(b, start, opt, state, verdict), i
        if verdict != scan.FRAME:
            return verdict, i
        column += 1
    return _take(b, i, opt, state, names, t, channel, id, length)


@compiled
def kernel(b, at, stop, opt, state, names, t, channel, id, length, data):
    while at < stop and state[scan.STATE_FRAMES] < t.shape[0]:
        verdict, pos = _line(b, at, opt, state, names, t, channel, id, length, data)
        if verdict == scan.WIDE:
            state[scan.STATE_WIDE] = 1
            return at
        at = scan.close_line(b, at, pos, verdict, state)
    return at
