"""What a dialect's writer writes, the reader reads back equal: both sizes of id, every length, CAN FD."""

from __future__ import annotations

from typing import NamedTuple

import log_files as w
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_files import F, read, wire_id

FD_LENGTHS = (*range(9), 12, 16, 20, 24, 32, 48, 64)


class Can(NamedTuple):
    """What a dialect can hold: smallest step of time in us, last time, several buses, told id sizes, CAN FD."""

    write: object
    dialect: str
    step: int = 1
    buses: bool = True
    sizes: bool = True  # the line says how many bits its id has; else above 7FF means 29
    fd: bool = False
    rebased: bool = False  # a time of day: the first frame is at 0
    last_us: int = 4_000_000_000_000_000


DAY_US = 86_400_000_000
CASES = {
    "candump": Can(w.candump, "candump", fd=True),
    "candump on the screen": Can(w.candump_screen, "candump-screen", fd=True),
    "Vector ASC": Can(w.asc, "asc", fd=True),
    "PEAK TRC 1.0": Can(w.trc_1_0, "trc-1.0", buses=False),
    "PEAK TRC 1.1": Can(w.trc_1_1, "trc-1.1", buses=False),
    "PEAK TRC 1.3": Can(w.trc_1_3, "trc-1.3"),
    "PEAK TRC 2.0": Can(w.trc_2_0, "trc-2.0", buses=False, fd=True),
    "PEAK TRC 2.1": Can(w.trc_2_1, "trc-2.1", fd=True),
    "python-can csv": Can(w.python_can_csv, "python-can-csv", buses=False, last_us=1 << 50),
    "GVRET": Can(w.gvret, "gvret"),
    "GVRET without Dir": Can(w.gvret_without_dir, "gvret"),
    "CRTD": Can(w.crtd, "crtd"),
    "Microchip": Can(w.microchip, "microchip", step=1000, sizes=False),
    "CANARY": Can(w.canary, "canary", buses=False, sizes=False, last_us=9_999_999_999),
    "CANARY without header": Can(w.canary_without_header, "canary", buses=False, sizes=False, last_us=9_999_999_999),
    "ESP": Can(w.esp, "esp", buses=False, sizes=False, last_us=99_999_999_999),
    "Arduino csv": Can(w.arduino, "arduino-csv", step=1000, buses=False, sizes=False),
    "CSS csv": Can(w.css, "css-csv", fd=True),
    "USB-CAN": Can(w.usb_can, "usb-can", step=1000, buses=False, rebased=True, last_us=DAY_US - 1),
    "BUSMASTER": Can(w.busmaster, "busmaster", step=1000, rebased=True, last_us=DAY_US - 1),
    "BusTools": Can(w.bustools, "bustools", sizes=False),
}


def frames_of(case: Can) -> st.SearchStrategy[list[F]]:
    @st.composite
    def one(draw: st.DrawFn) -> F:
        fd = case.fd and draw(st.booleans())
        extended = draw(st.booleans())
        low = 0x800 if extended and not case.sizes else 0
        number = draw(st.integers(low, 0x1FFF_FFFF if extended else 0x7FF))
        n = draw(st.sampled_from(FD_LENGTHS) if fd else st.integers(0, 8))
        bus = draw(st.integers(0, 9)) if case.buses else 0
        return F(0, bus, number, extended, draw(st.binary(min_size=n, max_size=n)), fd)

    times = st.integers(0, case.last_us // case.step).map(lambda n: n * case.step)
    return st.lists(st.tuples(times, one()), min_size=1, max_size=30).map(
        lambda pairs: [f._replace(us=t) for t, (_, f) in zip(sorted(t for t, _ in pairs), pairs, strict=True)]
    )


@pytest.mark.parametrize("name", CASES)
def test_frames_come_back_as_they_were_written(name, tmp_path_factory):
    case, path = CASES[name], tmp_path_factory.mktemp("log") / "log"

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(frames_of(case))
    def holds(frames: list[F]) -> None:
        options = {"time_unit": "us"} if case.dialect == "gvret" else {}
        log, got = read(path, case.write(frames), **options)
        assert (log.dialect, log.skipped, log.first_skipped) == (case.dialect, 0, None)
        start = frames[0].us if case.rebased else 0
        assert [(t, i, data) for t, _, i, data in got] == [((f.us - start) * 1000, wire_id(f), f.data) for f in frames]
        if case.buses:
            assert [c.removeprefix("can") for _, c, _, _ in got] == [str(f.bus) for f in frames]

    holds()
