"""Coverage-guided fuzzing of every parser, by atheris: `make fuzz`, or `python fuzz/run.py PARSER [SECONDS]` for one.

Whatever bytes come, a parser gives a result or one line of a RenkeiError, in bounded time and memory. What breaks that
is written to `crash-*` by atheris, and the exit code is not 0. Seeds are the files that renkei carries.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = ROOT / "src/renkei/data"
SLOWEST_S, MOST_MB = 10, 2048


def _file(read: Callable[[Path], object], suffix: str) -> Callable[[bytes], object]:
    """A parser of files takes bytes."""
    file = Path(tempfile.mkdtemp(prefix="renkei-fuzz-")) / f"input{suffix}"

    def take(data: bytes) -> object:
        file.write_bytes(data)
        return read(file)

    return take


def dbc() -> Callable[[bytes], object]:
    from renkei.can.dbc import load

    return _file(load, ".dbc")


def log() -> Callable[[bytes], object]:
    from renkei.can.logs import open_log

    return _file(lambda file: [len(block) for block in open_log(file).blocks()], ".log")


def vss() -> Callable[[bytes], object]:
    from renkei.vocabulary import load

    return _file(load, ".json")


def map_file() -> Callable[[bytes], object]:
    from renkei.catalogue.maker_files import MapFile
    from renkei.toml_file import read_file

    return _file(lambda file: read_file(file, MapFile), ".toml")


def part_file() -> Callable[[bytes], object]:
    from renkei.catalogue.part_files import PartFile
    from renkei.toml_file import read_file

    return _file(lambda file: read_file(file, PartFile), ".toml")


def evidence() -> Callable[[bytes], object]:
    from renkei.evidence import verify

    return verify


def query() -> Callable[[bytes], object]:
    from renkei.doors.kuksa.query_syntax import parse

    return lambda data: parse(data.decode(errors="replace"))


def viss() -> Callable[[bytes], object]:
    from renkei.doors.viss.filters import read_filters, version_of
    from renkei.doors.viss.refusals import Refused
    from renkei.doors.viss.wire import read

    def take(data: bytes) -> object:
        try:
            stated = read(data).get("filter")
            return read_filters(stated, version_of(stated) or 3)
        except Refused as e:
            return e

    return take


def scopes() -> Callable[[bytes], object]:
    from renkei.authority.scopes import rights_of

    return lambda data: rights_of(data.decode(errors="replace"))


def cycle() -> Callable[[bytes], object]:
    from renkei.flows.drive import read_cycle

    return _file(lambda file: read_cycle(str(file)), ".csv")


SEEDS: dict[Callable[[], Callable[[bytes], object]], Iterable[Path | bytes]] = {
    dbc: sorted(DATA.glob("makers/*/can/*.dbc")),
    log: [b"(1.000000) can0 123#0011223344556677\n" * 3, *sorted((ROOT / "tests/can/logs").glob("*.log"))],
    vss: [b'{"Vehicle": {"type": "branch", "children": {"Speed": {"type": "sensor", "datatype": "float"}}}}'],
    map_file: sorted(DATA.glob("makers/*/maps/*.toml")),
    part_file: sorted(DATA.glob("makers/*/parts/packs/*.toml")),
    evidence: [b'{"renkei":"evidence","kind":"proof","body":{},"subjects":{}}'],
    query: [b"SELECT Vehicle.Speed AS v, LAG(Vehicle.Speed) WHERE Vehicle.Speed BETWEEN 1 AND 2 AND NOT a > 'x'"],
    viss: [
        b'{"action":"subscribe","path":"Vehicle.Speed","filter":{"variant":"timebased","parameter":{"period":"100"}}}'
    ],
    scopes: [b"read:Vehicle.Speed actuate:Vehicle.Cabin.* provide:Vehicle create"],
    cycle: [DATA / "cycles/udds.csv"],
}
PARSERS = {make.__name__: make for make in SEEDS}


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one parser in this process, which ends with it."""
    import atheris

    from renkei.errors import RenkeiError

    with atheris.instrument_imports(include=["renkei"]):
        take = PARSERS[name]()

    def one(data: bytes) -> None:
        try:
            take(data)
        except RenkeiError as e:
            told = str(e)
            if "\n" in told:
                raise AssertionError(f"an error of several lines: {told!r}") from e

    seeds = Path(tempfile.mkdtemp(prefix="renkei-seeds-"))
    for i, seed in enumerate(SEEDS[PARSERS[name]]):
        (seeds / str(i)).write_bytes(seed if isinstance(seed, bytes) else seed.read_bytes()[:65_536])
    limits = [f"-max_total_time={seconds}", f"-timeout={SLOWEST_S}", f"-rss_limit_mb={MOST_MB}", "-max_len=65536"]
    atheris.Setup([sys.argv[0], *limits, "-verbosity=0", "-print_final_stats=1", str(seeds)], one)
    atheris.Fuzz()


def main() -> int:
    if len(sys.argv) > 1 and sys.argv[1] in PARSERS:
        fuzz(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 60)
        return 0
    seconds = sys.argv[1] if len(sys.argv) > 1 else "60"
    failed = []
    for name in PARSERS:
        done = subprocess.run([sys.executable, __file__, name, seconds], capture_output=True, text=True, check=False)
        runs = next((line.split()[-1] for line in done.stderr.splitlines() if "number_of_executed_units" in line), "?")
        print(
            f"{name}: {runs} inputs in {seconds} s: {'nothing found' if done.returncode == 0 else 'BROKEN'}", flush=True
        )
        if done.returncode:
            failed.append(name)
            print(done.stderr[-3000:], file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
