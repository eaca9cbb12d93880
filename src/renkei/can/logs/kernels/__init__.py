"""Numba kernels, one line grammar a text dialect. Nothing here opens a file or decides what a log is.

Every kernel has the same face, so that one driver serves them all:

    kernel(buf, at, stop, opt, state, names, t, channel, id, length, data) -> at

`buf` uint8, its last byte before `stop` a newline, so that no primitive needs to check bounds: none reads past a
newline. `at` is where the next line starts. `opt` int64, what the dialect's header or the time rules said (see
`scan.OPT_*`). `state` int64, counters that live as long as the log (`scan.STATE_*`). `names` int64 (n, 2), the channel
names packed in 16 bytes. The rest are columns of Frames to fill. A kernel returns when it reaches `stop`, when the
columns are full, or at a frame that needs 64 data bytes where `data` has 8 (`state[STATE_WIDE]`).

numba keeps compiled kernels beside this file and looks at the date of the kernel's own file only: after a change to
`scan`, delete `__pycache__` here.
"""
