"""The example lines of each dialect, and what it has besides data frames."""

from __future__ import annotations

import pytest
from log_files import read

from renkei.can.frames import EXTENDED
from renkei.can.logs import DIALECTS, open_log
from renkei.errors import LogError

UTC = 1_700_000_000_000_000_000
DATA8 = bytes.fromhex("FFE0C22B5B00012D")
UDS = bytes.fromhex("0562202A320000AA")
EXT = 0x18DAF101 | EXTENDED

EXAMPLES = {
    "candump": (
        "(1700000000.000100) can0 1DB#FFE0C22B5B00012D\n"
        "(1700000000.000350) can1 18DAF101#0562202A320000AA T\n"
        "(1700000000.000400) can0 123##1112233445566778899AABBCC R\n"
        "(1700000000.000500) can0 123#R8\n"
        "(1700000000.000600) can0 20000004#0000000000000000\n",
        [
            (UTC + 100_000, "can0", 0x1DB, DATA8),
            (UTC + 350_000, "can1", EXT, UDS),
            (UTC + 400_000, "can0", 0x123, bytes.fromhex("112233445566778899AABBCC")),
        ],
        2,
    ),
    "candump-screen": (
        " (000.010021)  can0  424   [8]  40 00 03 00 54 92 01 FF\n"
        " (000.010031)  can0  18DAF101   [2]  01 00   '..'\n"
        " (000.010041)  can0  123  [12]  11 22 33 44 55 66 77 88 99 AA BB CC\n"
        " (000.010051)  can0  325   [0]  remote request\n"
        " (000.010061)  can1  RX - -  325   [2]  01 00\n",
        [
            (10_021_000, "can0", 0x424, bytes.fromhex("40000300549201FF")),
            (10_031_000, "can0", EXT, b"\x01\x00"),
            (10_041_000, "can0", 0x123, bytes.fromhex("112233445566778899AABBCC")),
            (10_061_000, "can1", 0x325, b"\x01\x00"),
        ],
        1,
    ),
    "asc": (
        "date Sam Sep 30 03:06:13.191 2023\nbase hex  timestamps absolute\ninternal events logged\n// version 9.0.0\n"
        "Begin Triggerblock Sam Sep 30 03:06:13.191 2023\n   0.000000 Start of measurement\n"
        "   0.126630 1  1DB             Rx   d 8 FF E0 C2 2B 5B 00 01 2D\n"
        "   0.127010 2  18DAF101x       Rx   d 8 05 62 20 2A 32 00 00 AA   Length = 271910 BitCount = 141 ID = 4170x\n"
        "   0.127020\t1\t1DB\tTx\td 1 0A\n"
        "   0.128000 1  ErrorFrame\n   0.129000 1  1DB             Rx   r 8\n"
        "   1.000000 1  Statistic: D 10 R 0 XD 0 XR 0 E 0 O 0 B 1.00%\n"
        "   1.000000 CAN 1 Status:chip status error active\n"
        "  30.005021 CANFD   1 Rx        300                                   1 0 8  8 11 22 33 44 55 66 77 88"
        "   102203  133   303000 e0006659 46500250 4b140250 20011736 2001040d\n"
        "  30.005022 CANFD   1 Rx        301  SomeName   1 0 9 12 11 22 33 44 55 66 77 88 99 aa bb cc 102203\n"
        "End TriggerBlock\n",
        [
            (126_630_000, "1", 0x1DB, DATA8),
            (127_010_000, "2", EXT, UDS),
            (127_020_000, "1", 0x1DB, b"\x0a"),
            (30_005_021_000, "1", 0x300, bytes.fromhex("1122334455667788")),
            (30_005_022_000, "1", 0x301, bytes.fromhex("112233445566778899AABBCC")),
        ],
        5,
    ),
    "trc-1.0": (
        ";   Message Number\n     1)     17535  00000100  8  00 00 00 00 00 00 00 01\n"
        "     2)     17536  018E  3  00 04 1C\n     3)     17537  FFFFFFFF  4  00 00 00 08  BUSHEAVY\n",
        [
            (17_535_000_000, "can", 0x100 | EXTENDED, b"\0\0\0\0\0\0\0\1"),
            (17_536_000_000, "can", 0x18E, b"\0\4\x1c"),
        ],
        1,
    ),
    "trc-1.1": (
        ";$FILEVERSION=1.1\n;$STARTTIME=45799.6880723843\n"
        "     1)         3.9  Rx         018E  3  00 04 1C\n"
        "     2)         4.2  Rx     18DAF101  8  05 62 20 2A 32 00 00 AA\n"
        "     3)         4.3  Warng  FFFFFFFF  4  00 00 00 08  BUSHEAVY\n"
        "     4)         4.4  Rx         018E  3  RTR\n",
        [(3_900_000, "can", 0x18E, b"\0\4\x1c"), (4_200_000, "can", EXT, UDS)],
        2,
    ),
    "trc-1.3": (
        ";$FILEVERSION=1.3\n     1)     17535.400 1  Tx    00000100 -  8    00 00 00 00 00 00 00 01\n",
        [(17_535_400_000, "1", 0x100 | EXTENDED, b"\0\0\0\0\0\0\0\1")],
        0,
    ),
    "trc-2.1": (
        ";$FILEVERSION=2.1\n;$STARTTIME=44548.6028595139\n;$COLUMNS=N,O,T,B,I,d,R,L,D\n"
        "      1     17535.400 DT 1      01DB Rx -  8    FF E0 C2 2B 5B 00 01 2D\n"
        "      2     17540.300 ST 1         - Rx -  4    00 00 00 08\n"
        "      3     17540.400 FB 2  18DAF101 Rx -  9    11 22 33 44 55 66 77 88 99 AA BB CC\n"
        "      4     17540.500 RR 1      0100 Rx -  8\n",
        [
            (17_535_400_000, "1", 0x1DB, DATA8),
            (17_540_400_000, "2", EXT, bytes.fromhex("112233445566778899AABBCC")),
        ],
        2,
    ),
    "gvret": (
        "Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n"
        "239164800,00000151,false,Rx,0,8,82,FF,FF,FF,FE,02,00,00,\n",
        [(239_164_800_000, "0", 0x151, bytes.fromhex("82FFFFFFFE020000"))],
        0,
    ),
    "crtd": (
        "1632426775.935928 CXX OVMS CRTD\n1632426775.935928 CVR 3.0\n"
        "1632426782.096037 1R11 390 04 00 00 00 00 80 3C 07\n1632426782.097000 2R29 18DAF101 05 62 20 2A 32 00 00 AA\n"
        "1632426783.000000 1CEV something happened\n1632426784.000000 R11 390 04\n",
        [
            (1_632_426_782_096_037_000, "1", 0x390, bytes.fromhex("0400000000803C07")),
            (1_632_426_782_097_000_000, "2", EXT, UDS),
            (1_632_426_784_000_000_000, "can", 0x390, b"\4"),
        ],
        0,
    ),
    "microchip": (
        "ParserFlags\tCh\tCounter\tT/R\tTime\tFlags\tCAN ID\tLen\tData\tParser Name\tdefault\n"
        "1\t0\t21029\tRX\t5924899\t\t0x000001cb\t7\t0x00 00 00 00 60 00 11 \tDefault Parser\t\n",
        [(5_924_899_000_000, "0", 0x1CB, bytes.fromhex("00000000600011"))],
        0,
    ),
    "canary": (
        ";CANARY V2.3\r\n;TIME_us.d  ID       FL L DATA\r\n0000.006790 00000002 00 5 F4 FF 00 07 E2\r\n",
        [(6_790_000, "can", 2, bytes.fromhex("F4FF0007E2"))],
        0,
    ),
    "usb-can": (
        "NO    Direction  Time Scale        Frame Type      Frame Format        Frame ID    Length        \0 Data \r\n"
        "0     \0Receive     \x0021:11:45:171     \0Data frame     \0Standard frame     \0000001d4     \0008     "
        "\0a0 6d 00 00 42 06 40 60      \0\r\n"
        "1     \0Receive     \x0021:11:45:181     \0Remote frame   \0Standard frame   \0000001d4   \0008   \0\r\n",
        [(0, "can", 0x1D4, bytes.fromhex("a06d000042064060"))],
        1,
    ),
    "esp": (
        "load:0x40875730,len:0x175c\nL 00019402641 00000284 08 00 00 00 00 00 00 51 D7\n"
        "L 00019404947 000001CC 04 00 00 05 72\n00019404948 000001CC 00 \n",
        [
            (19_402_641_000, "can", 0x284, bytes.fromhex("00000000000051D7")),
            (19_404_947_000, "can", 0x1CC, bytes.fromhex("00000572")),
            (19_404_948_000, "can", 0x1CC, b""),
        ],
        0,
    ),
    "arduino-csv": (
        " millis(),ID,Length,Data0,Data1,Data2,Data3,Data4,Data5,Data6,Data7\n"
        "483687,0x1E12FF10,0\r\n483739,0xAF87070,2,00,00\r\n",
        [(483_687_000_000, "can", 0x1E12FF10 | EXTENDED, b""), (483_739_000_000, "can", 0xAF87070 | EXTENDED, b"\0\0")],
        0,
    ),
    "css-csv": (
        "TimestampEpoch;BusChannel;ID;IDE;DLC;DataLength;Dir;EDL;BRS;DataBytes\n"
        "1581670628.161950;1;123;0;3;3;0;0;0;123456\n",
        [(1_581_670_628_161_950_000, "1", 0x123, bytes.fromhex("123456"))],
        0,
    ),
    "busmaster": (
        "***BUSMASTER Ver 3.2.0***\n***PROTOCOL CAN***\n***HEX***\n***SYSTEM MODE***\n"
        "17:27:45:532 Rx 1 0x158 s 8 FF E0 C2 2B 5B 00 01 2D \n17:27:45:543 Rx 1 0x158 sr 8 \n"
        "17:27:45:551 Rx 1 0x18DAF101 x 1 0A \n***[STOP LOGGING SESSION]***\n",
        [(0, "1", 0x158, DATA8), (19_000_000, "1", EXT, b"\x0a")],
        1,
    ),
}


@pytest.mark.parametrize("dialect", EXAMPLES)
def test_its_example_lines_are_read(dialect, tmp_path):
    text, frames, ignored = EXAMPLES[dialect]
    log, got = read(tmp_path / "log", text)
    assert got == frames
    assert (log.dialect, log.skipped, log.ignored) == (dialect, 0, ignored)


@pytest.mark.parametrize("dialect", EXAMPLES)
def test_a_byte_order_mark_and_crlf_change_nothing(dialect, tmp_path):
    text, frames, _ = EXAMPLES[dialect]
    log, got = read(tmp_path / "log", b"\xef\xbb\xbf" + text.replace("\r", "").replace("\n", "\r\n").encode())
    assert (log.dialect, got, log.skipped) == (dialect, frames, 0)


@pytest.mark.parametrize("dialect", EXAMPLES)
def test_bytes_that_are_not_utf8_are_one_skipped_line(dialect, tmp_path):
    text, frames, _ = EXAMPLES[dialect]
    log, got = read(tmp_path / "log", text.encode() + b"1\xff\xfe\x80\n")
    assert got == frames
    assert log.skipped == 1
    assert log.first_skipped.line == text.count("\n") + 1


def test_every_dialect_has_a_sentence_and_an_example():
    assert set(EXAMPLES) | {"trc-1.2", "trc-2.0", "python-can-csv", "bustools", "blf", "mf4"} == set(DIALECTS)
    assert all(sentence and "\n" not in sentence for sentence in DIALECTS.values())


def test_decimal_asc_reads_ids_and_bytes_in_base_ten(tmp_path):
    _, got = read(
        tmp_path / "log", "base dec  timestamps absolute\n 0.5 1  475  Rx  d 2 255 16\n 0.6 1  2047x Rx d 1 8\n"
    )
    assert got == [(500_000_000, "1", 475, b"\xff\x10"), (600_000_000, "1", 2047 | EXTENDED, b"\x08")]


def test_relative_asc_adds_the_times_up_events_included(tmp_path):
    text = "date x\nbase hex timestamps relative\n 0.5 1 100 Rx d 0\n 0.25 Start of measurement\n 0.25 1 101 Rx d 0\n"
    log, got = read(tmp_path / "log", text)
    assert [t for t, *_ in got] == [500_000_000, 1_000_000_000]
    assert (log.start_text, log.time_base) == ("x", "boot")


def test_a_wide_frame_in_relative_asc_counts_its_time_once(tmp_path):
    wide = " 0.5 CANFD 1 Rx 100 1 0 9 12 " + "11 " * 12 + "\n"
    _, got = read(tmp_path / "log", "base hex timestamps relative\n 0.5 1 100 Rx d 0\n" + wide + " 0.5 1 100 Rx d 0\n")
    assert [t for t, *_ in got] == [500_000_000, 1_000_000_000, 1_500_000_000]


def test_trc_says_its_start_as_written_and_invents_no_date(tmp_path):
    log, _ = read(tmp_path / "log", EXAMPLES["trc-1.1"][0])
    assert (log.start_text, log.time_base, log.time_unit) == ("45799.6880723843", "boot", "ms")


def test_a_day_is_added_when_the_clock_passes_midnight(tmp_path):
    lines = "***BUSMASTER Ver 3***\n***HEX***\n23:59:59:500 Rx 1 0x1 s 0 \n00:00:00:250 Rx 1 0x1 s 0 \n"
    log, got = read(tmp_path / "log", lines)
    assert [t for t, *_ in got] == [0, 750_000_000]
    assert log.start_text == "23:59:59:500"
    assert any("midnight" in sentence for sentence in log.assumed)


def test_candump_without_times_puts_every_frame_at_zero_and_says_so(tmp_path):
    log, got = read(tmp_path / "log", "  can0  325   [2]  01 00\n  can0  326   [0] \n")
    assert [t for t, *_ in got] == [0, 0]
    assert log.assumed == ("the log has no times: every frame is at 0",)


def test_candump_with_delta_times_is_summed_up(tmp_path):
    times = [0, 9, 1, 9, 1, 9, 1]
    log, got = read(tmp_path / "log", "".join(f" (000.00000{t})  can0  325   [1]  01\n" for t in times))
    assert [t for t, *_ in got] == [0, 9000, 10000, 19000, 20000, 29000, 30000]
    assert any("step back" in sentence for sentence in log.assumed)


def test_candump_with_dates_counts_from_its_first_frame_for_the_zone_is_unknown(tmp_path):
    lines = " (2024-02-29 23:59:59.500000)  can0  325   [1]  01\n (2024-03-01 00:00:00.750000)  can0  325   [1]  01\n"
    log, got = read(tmp_path / "log", lines)
    assert [t for t, *_ in got] == [0, 1_250_000_000]
    assert (log.time_base, log.start_text) == ("boot", "2024-02-29 23:59:59.500000")


def test_serial_talk_between_frames_is_no_damage_but_a_torn_frame_is(tmp_path):
    lines = "PuTTY log 2025.05.22\n(1.25) RX0 191 [2] 20 12\nwifi: connecting\n(1.26) TX1 18DAF101 [1] 20\n"
    log, got = read(tmp_path / "log", lines + "(1.27) RX0 191 [8] 20")
    assert got == [(1_250_000_000, "RX0", 0x191, b"\x20\x12"), (1_260_000_000, "TX1", EXT, b"\x20")]
    assert log.first_skipped == (5, "(1.27) RX0 191 [8] 20", "length not readable or not as many bytes as it says")


def test_a_frame_with_more_or_fewer_bytes_than_its_length_is_skipped(tmp_path):
    good = "239164800,00000151,false,0,2,82,FF\n" * 3
    log, got = read(tmp_path / "log", "Time Stamp,ID,Extended,Bus,LEN,D1,D2\n" + good + "1,151,false,0,3,82,FF\n")
    assert (len(got), log.skipped, log.first_skipped.line) == (3, 1, 5)


def test_candump_lines_that_lie_are_skipped(tmp_path):
    good = "(1.0) can0 1DB#00\n"
    for bad in (
        "(1.0) can0 1DB#0",
        "(1.0) can0 8FF#00",
        "(1.0) can0 1DB#" + "00" * 9,
        "(x) can0 1DB#",
        "(1.0) can0 1DB#0G",
    ):
        log, got = read(tmp_path / "log", good * 3 + bad + "\n")
        assert (len(got), log.skipped) == (3, 1), bad


def test_a_file_of_another_kind_is_refused_and_the_list_of_dialects_named(tmp_path):
    (tmp_path / "x.log").write_text("dear diary\n")
    with pytest.raises(LogError, match=r"x\.log: no known log dialect; see 'renkei list dialects'"):
        open_log(tmp_path / "x.log")


def test_the_name_of_a_file_does_not_matter(tmp_path):
    log, _ = read(tmp_path / "log.blf", EXAMPLES["trc-1.1"][0])
    assert log.dialect == "trc-1.1"
