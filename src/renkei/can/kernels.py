"""The compiled loops of the columnar engine. Their tables are described in columns.py, which alone calls them.

What is called for every frame is written out or takes plain numbers: numba counts references to every array that is
passed, and that would cost more than the work. All stand in this one file: numba keeps what it compiled until the
file of the function changes, and would not notice a change in another one.
"""

import numpy as np
from numba import njit

from renkei.can.checks import CRC8_85
from renkei.samples import Quality

OK, NOT_AVAILABLE, INVALID = (int(q) for q in (Quality.OK, Quality.NOT_AVAILABLE, Quality.INVALID))
NUMBER, BOOLEAN, TABLE = 0, 1, 2
FIELD = 7  # columns that a field takes in a table
PLUS = 8 + FIELD  # where the second field of a row stands

_CRC = np.zeros((8, 256), np.uint8)
"""What a byte adds to the CRC when so many more bytes follow it."""
for _k in range(8):
    _CRC[_k] = CRC8_85 if _k == 0 else _CRC[0][_CRC[_k - 1]]

kernel = njit(cache=True, nogil=True)


@kernel
def _bits(data, i, first, size, shift, length, little):
    """Raw bits of a field of payload i, as an unsigned number: the way that serves every field."""
    whole = min(size, 8)
    word = np.uint64(0)
    if little:
        for k in range(whole):
            word |= np.uint64(data[i, first + k]) << np.uint64(8 * k)
        word >>= np.uint64(shift)
        if size == 9:
            word |= np.uint64(data[i, first + 8]) << np.uint64(64 - shift)
    else:
        for k in range(whole):
            word = (word << np.uint64(8)) | np.uint64(data[i, first + k])
        if size == 9:
            word = (word << np.uint64(8 - shift)) | (np.uint64(data[i, first + 8]) >> np.uint64(shift))
        else:
            word >>= np.uint64(shift)
    return word & _mask(length)


@kernel
def _mask(length):
    return ~np.uint64(0) >> np.uint64(64 - length)


@kernel
def _signed(word, length, signed):
    half = np.uint64(signed) << np.uint64(length - 1)
    return np.int64((word ^ half) - half)


@kernel
def _raw(data, i, table, row, column):
    """Raw value of the field that stands in a table."""
    word = _bits(
        data, i, table[row, column], table[row, column + 1], table[row, column + 2], table[row, column + 3],
        table[row, column + 4],
    )  # fmt: skip
    return _signed(word, table[row, column + 3], table[row, column + 5])


@kernel
def _swapped(word):
    """Bytes the other way round; the compiler makes one instruction of it."""
    swapped = np.uint64(0)
    for k in range(8):
        swapped |= ((word >> np.uint64(8 * k)) & np.uint64(0xFF)) << np.uint64(56 - 8 * k)
    return swapped


@kernel
def _nibble_sum(word):
    """Sum of the sixteen nibbles."""
    low = np.uint64(0x0F0F0F0F0F0F0F0F)
    pairs = (word & low) + ((word >> np.uint64(4)) & low)
    return np.int64((pairs * np.uint64(0x0101010101010101)) >> np.uint64(56))


@kernel
def _byte_sum(word):
    total = np.int64(0)
    for k in range(8):
        total += np.int64((word >> np.uint64(8 * k)) & np.uint64(0xFF))
    return total


@kernel
def _crc_holds(failed, firsts, at, words, n):
    """CRC-8 over all bytes but the last. In one word no byte has to wait for the one before it."""
    for k in range(len(failed)):
        crc = np.int64(0)
        if n <= 8:
            word = firsts[k]
            for j in range(n - 1):
                crc ^= _CRC[n - 2 - j, (word >> np.uint64(8 * j)) & np.uint64(0xFF)]
            last = np.int64((word >> np.uint64(8 * n - 8)) & np.uint64(0xFF))
        else:
            for j in range(n - 1):
                crc = np.int64(_CRC[0, crc ^ _byte(words, at[k], j)])
            last = _byte(words, at[k], n - 1)
        failed[k] = crc != last


@kernel
def _sums_hold(failed, firsts, at, words, n, code, id_):
    """Sums of nibbles (codes 2 and 3) or bytes (codes 4 and 5) with those of the identifier."""
    identifier = np.uint64(id_ & 0x7FFFFFFF)
    start = _byte_sum(identifier) if code >= 4 else _nibble_sum(identifier)
    if code == 4:
        start += n
    if code == 3:
        start = -8 - (3 if id_ & 0x80000000 else 0) + start
    cover = _mask(8 * n) if n < 8 else _mask(64)
    for k in range(len(failed)):
        total = start
        if code >= 4:
            total += _byte_sum(firsts[k] & cover)
            for j in range(8, n):
                total += _byte(words, at[k], j)
        else:
            total += _nibble_sum(firsts[k] & cover)
            for j in range(8, n):
                byte = _byte(words, at[k], j)
                total += (byte >> 4) + (byte & 15)
        last = _byte(words, at[k], n - 1)
        if code >= 4:
            failed[k] = (total - last) & 0xFF != last
        elif code == 3:
            failed[k] = -(total - (last & 15)) & 15 != last & 15
        else:
            failed[k] = (total - (last & 15)) & 15 != last & 15


@kernel
def _byte(words, i, j):
    return np.int64((words[i, j >> 3] >> np.uint64(8 * (j & 7))) & np.uint64(0xFF))


@kernel
def sift(channel, ids, lengths, plain, extended, extended_slots, messages, counts, slots):
    """Put into `slots` the message of each frame (-1: nothing to decode); where each message begins when grouped."""
    start = np.zeros(len(messages) + 1, np.int64)
    needed = messages[:, 0].astype(np.uint8)
    for i in range(len(ids)):
        id_, m = ids[i], np.int16(-1)
        if id_ < 2048:
            m = plain[channel[i], id_]
        else:  # written out: a call with arrays in it costs more than the search
            low, high = 0, len(extended)
            while low < high:
                middle = (low + high) >> 1
                if extended[middle] < id_:
                    low = middle + 1
                else:
                    high = middle
            if low < len(extended) and extended[low] == id_:
                m = extended_slots[channel[i], low]
        if m >= 0 and lengths[i] < needed[m]:
            counts[m, 2] += 1
            m = np.int16(-1)
        slots[i] = m
        if m >= 0:
            start[m + 1] += 1
    counts[-1, 0] += len(ids)
    for m in range(len(messages)):
        counts[m, 1] += start[m + 1]
        start[m + 1] += start[m]
    return start


@kernel
def _group(slots, start, t, words, at, times, firsts):
    """Put the frames of each message together, in order: place in the block, time, first eight bytes."""
    fill = start.copy()
    for i in range(len(slots)):
        m = slots[i]
        if m >= 0:
            k = fill[m]
            fill[m] += 1
            at[k], times[k], firsts[k] = i, t[i], words[i, 0]


@kernel
def _judged(m, a, b, at, times, firsts, failed, data, words, messages, counter, counter_t, counts):
    """Mark the frames of a message that fail their checksum and take out those that only repeat; where it ends now,
    how many failed."""
    n, code = messages[m, 0], messages[m, 1]
    if code == 1:
        _crc_holds(failed[a:b], firsts[a:b], at[a:b], words, n)
    elif code:
        _sums_hold(failed[a:b], firsts[a:b], at[a:b], words, n, code, messages[m, 10])
    failures = 0
    for k in range(a, b):
        failures += failed[k]
    counts[m, 3] += failures
    if not messages[m, 3]:
        return b, failures
    raws = np.empty(b - a, np.int64)
    _raws(raws, firsts[a:b], at[a:b], data, messages, m, 2, n <= 8)
    turn, cycle, lost, end = np.int64(1) << messages[m, 5], messages[m, 9], 0, a
    last, last_t = counter[m], counter_t[m]
    for k in range(a, b):
        if not failed[k]:
            count = raws[k - a]
            if last == count and (cycle == 0 or times[k] - last_t < (turn - 1) * cycle):
                last_t = times[k]
                continue
            lost += (count - last - 1) & (turn - 1) if last >= 0 else 0
            last, last_t = count, times[k]
        if end != k:
            at[end], times[end], firsts[end], failed[end] = at[k], times[k], firsts[k], failed[k]
        end += 1
    counter[m], counter_t[m] = last, last_t
    counts[m, 4] += b - end
    counts[m, 5] += lost
    return end, failures


@kernel
def _raws(out, firsts, at, data, table, row, column, short):
    """Raw values of a field over the frames of a message; `short`: its payload lies in the first eight bytes."""
    first, size, shift, length = (
        table[row, column],
        table[row, column + 1],
        table[row, column + 2],
        table[row, column + 3],
    )
    little, signed = table[row, column + 4], table[row, column + 5]
    if not short:
        for k in range(len(out)):
            out[k] = _signed(_bits(data, at[k], first, size, shift, length, little), length, signed)
        return
    mask, half = _mask(length), np.uint64(signed) << np.uint64(length - 1)
    if little:
        down = np.uint64(8 * first + shift)
        for k in range(len(out)):
            out[k] = np.int64((((firsts[k] >> down) & mask) ^ half) - half)
    else:
        down = np.uint64(8 * (8 - first - size) + shift)
        for k in range(len(out)):
            out[k] = np.int64((((_swapped(firsts[k]) >> down) & mask) ^ half) - half)


@kernel
def _mark(out, raws, spans, first, end):
    """True where a raw value lies in one of the spans."""
    out[:] = False
    for s in range(first, end):
        low, high = spans[s, 0], spans[s, 1]
        for k in range(len(out)):
            out[k] |= (raws[k] >= low) & (raws[k] <= high)


@kernel
def _latched(latch, places, start, stop, at, failed, data, latches, raw, known):
    """The latch as it stands before each frame of a block; afterwards `raw` and `known` hold it as it stands then.

    Only good frames of the latch's message move it.
    """
    m = latches[latch, 0]
    k, end = start[m], stop[m]
    value, is_known = raw[latch], known[latch]
    raws, knowns = np.empty(len(places), np.int64), np.empty(len(places), np.bool_)
    for j in range(len(places)):
        while k < end and at[k] < places[j]:
            if not failed[k]:
                value, is_known = _raw(data, at[k], latches, latch, 1), True
            k += 1
        raws[j], knowns[j] = value, is_known
    return raws, knowns


@kernel
def _first_heard(m, start, stop, at, failed, heard):
    """The place in the block from which on a good frame of the message has come."""
    if heard[m]:
        return np.int64(-1)
    for k in range(start[m], stop[m]):
        if not failed[k]:
            return at[k]
    return np.int64(1) << 62


@kernel
def _tested(
    out, test, a, b, start, stop, at, firsts, failed, data, short, tests, latches, spans, latch_raw, latch_known, heard
):
    """Whether a condition holds, for each frame of a message."""
    if tests[test, 10] >= 0:
        first = _first_heard(tests[test, 10], start, stop, at, failed, heard)
        for k in range(b - a):
            out[k] = at[a + k] < first
    elif tests[test, 1]:
        raws = np.empty(b - a, np.int64)
        _raws(raws, firsts[a:b], at[a:b], data, tests, test, 0, short)
        _mark(out, raws, spans, tests[test, 8], tests[test, 9])
    else:
        raws, knowns = _latched(tests[test, 7], at[a:b], start, stop, at, failed, data, latches, latch_raw, latch_known)
        _mark(out, raws, spans, tests[test, 8], tests[test, 9])
        out &= knowns


@kernel
def _short_numbers(value, quality, firsts, down, mask, half, big, scale, offset, low, high, none_low, none_high):
    """Numbers of up to 31 bits in messages of up to 8 bytes, which nearly all are; how many cannot be true.

    Raw values from `none_low` to `none_high` mean "not available".
    """
    wrong = 0
    for k in range(len(value)):
        word = _swapped(firsts[k]) if big else firsts[k]
        raw = np.int32((((word >> down) & mask) ^ half) - half)
        v = np.float64(raw) * scale + offset
        none = (raw >= none_low) & (raw <= none_high)
        bad = ((v < low) | (v > high)) & ~none
        value[k] = v
        quality[k] = np.int8(none) * NOT_AVAILABLE + np.int8(bad) * INVALID
        wrong += bad
    return wrong


@kernel
def _numbers_of(value, quality, raws, scale, offset):
    for k in range(len(value)):
        value[k], quality[k] = raws[k] * scale + offset, OK


@kernel
def _add(value, raws, scale):
    for k in range(len(value)):
        value[k] += raws[k] * scale


@kernel
def _judge_range(value, quality, low, high):
    """Mark what cannot be true among what is there; how many."""
    wrong = 0
    for k in range(len(value)):
        if quality[k] == OK and ((value[k] < low) | (value[k] > high) | np.isinf(value[k])):
            quality[k] = INVALID
            wrong += 1
    return wrong


@kernel
def _floats_of(value, quality, at, data, rows, r, scale, offset):
    """Fields that hold floating-point numbers; NaN is not available."""
    length = rows[r, 4]
    for k in range(len(value)):
        word = _bits(data, at[k], rows[r, 1], rows[r, 2], rows[r, 3], length, rows[r, 5])
        raw = np.float64(np.uint32(word).view(np.float32)) if length == 32 else np.uint64(word).view(np.float64)
        value[k] = raw * scale + offset
        quality[k] = NOT_AVAILABLE if np.isnan(raw) else OK


@kernel
def _valued(value, quality, raws, kind, lut, lut_start, length):
    """Fields whose raw values stand for values, by a table or as true and false."""
    if kind == BOOLEAN:
        for k in range(len(value)):
            value[k], quality[k] = (1.0 if raws[k] != 0 else 0.0), OK
        return
    mask = (np.int64(1) << length) - 1
    for k in range(len(value)):
        v = lut[lut_start + (raws[k] & mask)]
        value[k] = v
        quality[k] = NOT_AVAILABLE if v != v else OK


@kernel
def _row(r, value, quality, at, firsts, data, short, rows, numbers, spans, lut):
    """Values and qualities of row r in all frames of its message; how many values cannot be true."""
    kind, length, spanned = rows[r, 8], rows[r, 4], rows[r, 13] - rows[r, 12]
    scale, offset, low, high = numbers[r, 0], numbers[r, 1], numbers[r, 2], numbers[r, 3]
    plain = kind == NUMBER and short and length <= 31 and spanned <= 1 and not rows[r, 7] and not rows[r, PLUS + 1]
    if plain:
        end = rows[r, 1] + rows[r, 2]
        down = np.uint64(8 * rows[r, 1] + rows[r, 3] if rows[r, 5] else 8 * (8 - end) + rows[r, 3])
        half = np.uint64(rows[r, 6]) << np.uint64(length - 1)
        none_low, none_high = np.int64(1), np.int64(0)
        if spanned:
            none_low, none_high = spans[rows[r, 12], 0], spans[rows[r, 12], 1]
        args = (scale, offset, low, high, none_low, none_high)
        if rows[r, 5]:
            return _short_numbers(value, quality, firsts, down, _mask(length), half, False, *args)
        return _short_numbers(value, quality, firsts, down, _mask(length), half, True, *args)
    if rows[r, 7]:
        _floats_of(value, quality, at, data, rows, r, scale, offset)
        if kind == BOOLEAN:
            for k in range(len(value)):
                value[k] = 1.0 if value[k] != 0 else 0.0
            return 0
    else:
        raws = np.empty(len(value), np.int64)
        _raws(raws, firsts, at, data, rows, r, 1, short)
        if kind != NUMBER:
            _valued(value, quality, raws, kind, lut, rows[r, 14], length)
        elif length == 64 and not rows[r, 6]:
            _numbers_of(value, quality, raws.view(np.uint64), scale, offset)
        else:
            _numbers_of(value, quality, raws, scale, offset)
        for s in range(rows[r, 12], rows[r, 13]):
            first, last = spans[s, 0], spans[s, 1]
            for k in range(len(raws)):
                if (raws[k] >= first) & (raws[k] <= last):
                    quality[k] = NOT_AVAILABLE
    if kind != NUMBER:
        return 0
    if rows[r, PLUS + 1]:
        second = np.empty(len(value), np.int64)
        _raws(second, firsts, at, data, rows, r, PLUS, short)
        _add(value, second, numbers[r, 4])
    return _judge_range(value, quality, low, high)


@kernel
def _overrule(quality, mark, by):
    for k in range(len(quality)):
        if mark[k]:
            quality[k] = by


@kernel
def _compact(keep, t, at, value, quality, out_t, out_at):
    """Move what is kept to the front; how many there are."""
    n = 0
    for k in range(len(keep)):
        if keep[k]:
            value[n], quality[n], out_t[n], out_at[n] = value[k], quality[k], t[k], at[k]
            n += 1
    return n


@kernel
def decode(
    t, data, words, slots, start, at, times, firsts, failed, out_t, out_v, out_q, time_start, row_start, used,
    messages, rows, numbers, tests, latches, spans, lut, counter, counter_t, latch_raw, latch_known, heard,
    counts,
):  # fmt: skip
    """All rows of a block. Row r has `used[r]` samples: values and qualities from `row_start[r]` on, times and places
    in the block from `time_start[r]` on; rows without conditions share those of their message."""
    _group(slots, start, t, words, at, times, firsts)
    stop, failures = start[1:].copy(), np.zeros(len(messages), np.int64)
    failed[:] = False
    for m in range(len(messages)):
        stop[m], failures[m] = _judged(
            m, start[m], stop[m], at, times, firsts, failed, data, words, messages, counter, counter_t, counts
        )
    n_rows = len(rows)
    for r in range(n_rows):
        m = rows[r, 0]
        a, b, o = start[m], stop[m], row_start[r]
        if a == b:
            continue
        n, short = b - a, messages[m, 0] <= 8
        value, quality = out_v[o : o + n], out_q[o : o + n]
        wrong = _row(r, value, quality, at[a:b], firsts[a:b], data, short, rows, numbers, spans, lut)
        if rows[r, 9] != rows[r, 11] or failures[m]:
            mark, keep = np.empty(n, np.bool_), np.ones(n, np.bool_)
            for test in range(rows[r, 9], rows[r, 11]):
                _tested(
                    mark, test, a, b, start, stop, at, firsts, failed, data, short, tests, latches, spans, latch_raw,
                    latch_known, heard,
                )  # fmt: skip
                if test < rows[r, 10]:
                    keep &= mark
                else:
                    _overrule(quality, mark, NOT_AVAILABLE)
            wrong = 0
            for k in range(n):
                wrong += (quality[k] == INVALID) & keep[k] & ~failed[a + k]
            _overrule(quality, failed[a:b], INVALID)
            if rows[r, 9] != rows[r, 10]:
                e = time_start[r]
                n = _compact(keep, times[a:b], at[a:b], value, quality, out_t[e : e + n], at[e : e + n])
        counts[m, 6] += wrong
        used[r] = n
    for m in range(len(messages)):
        heard[m] = _first_heard(m, start, stop, at, failed, heard) < len(t)
    for latch in range(len(latches)):
        beyond = np.full(1, len(t), np.int64)
        raws, knowns = _latched(latch, beyond, start, stop, at, failed, data, latches, latch_raw, latch_known)
        latch_raw[latch], latch_known[latch] = raws[0], knowns[0]


@kernel
def gather(element, t, value, quality, values, qualities, missing):
    """A sample whenever every element has come once more; its quality is the worst of them."""
    most = len(t) // max(len(values), 1) + 1
    out_t, out_v, out_q = np.empty(most, np.int64), np.empty((most, len(values))), np.empty(most, np.int8)
    n = 0
    for k in range(len(t)):
        e = element[k]
        values[e], qualities[e], missing[e] = value[k], quality[k], False
        if not missing.any():
            out_t[n], out_q[n] = t[k], qualities.max()
            out_v[n] = values
            missing[:] = True
            n += 1
    return out_t[:n], out_v[:n], out_q[:n]
