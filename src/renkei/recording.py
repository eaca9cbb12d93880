"""Recordings: samples of one or several vehicles, written as Parquet or CSV, sorted by signal and then by time.

Samples come in the order of the log and leave in the order of the file: they wait per signal, in memory up to a limit
and beyond it in scratch files beside the output. Files are written aside and renamed when they are whole.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from renkei.aside import aside
from renkei.errors import OutputError
from renkei.samples import Column, Quality

_SAMPLE = np.dtype([("t", "<i8"), ("value", "<f8"), ("text", "<i4"), ("quality", "i1")])
_QUALITIES = [q.label for q in Quality]
_SLAB = 1 << 20
_LABEL = pa.dictionary(pa.int32(), pa.string())

SCHEMA = pa.schema(
    {
        "vehicle": _LABEL,
        "signal": _LABEL,
        "t": pa.timestamp("ns", "UTC"),
        "value": pa.float64(),
        "text": _LABEL,
        "quality": _LABEL,
    }
)
"""In memory texts are dictionary-coded; files hold plain strings."""


class Samples:
    """Samples of one vehicle, waiting per signal.

    `limit`: bytes to hold in memory before they go to scratch files in `scratch` (default: the system's).
    """

    def __init__(self, vehicle: str, *, limit: int = 256 << 20, scratch: Path | None = None) -> None:
        self.vehicle = vehicle
        self.count = 0
        self._limit, self._scratch, self._held = limit, scratch, 0
        self._folder: Path | None = None
        self._waiting: dict[str, list[_Block]] = {}
        self._texts: dict[str, dict[str, int]] = {}

    def add(self, path: str, column: Column) -> None:
        """Take samples of the signal at `path`; the arrays of `column` are kept, not copied.

        Raises OutputError where there is no room for a scratch file.
        """
        codes = None if column.texts is None else self._text_codes(path, column)
        self._waiting.setdefault(path, []).append(_Block(column.t, column.value, column.quality, codes))
        self.count += len(column.t)
        self._held += len(column.t) * _SAMPLE.itemsize
        if self._held > self._limit:
            self._spill()

    @property
    def paths(self) -> list[str]:
        """Signals that have samples, sorted."""
        return sorted(self._waiting)

    def slabs(self, path: str) -> Iterator[pa.Table]:
        """The samples of one signal in order of time, in tables of bounded size where they came in order."""
        t, value, quality, codes = self._collected(path)
        if len(t) > 1 and bool(np.any(t[1:] < t[:-1])):
            order = np.argsort(t, kind="stable")
            t, value, quality = t[order], value[order], quality[order]
            codes = None if codes is None else codes[order]
        for at in range(0, len(t), _SLAB):
            part = slice(at, at + _SLAB)
            yield self._table(path, _Block(t[part], value[part], quality[part], None if codes is None else codes[part]))

    def table(self) -> pa.Table:
        """All samples as one table."""
        return pa.concat_tables(
            [SCHEMA.empty_table(), *(s for path in self.paths for s in self.slabs(path))]
        ).unify_dictionaries()

    def close(self) -> None:
        """Remove the scratch files."""
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._waiting = {}

    def _text_codes(self, path: str, column: Column) -> NDArray[np.int32]:
        assert column.texts is not None
        known = self._texts.setdefault(path, {})
        codes = np.full(len(column.t), -1, np.int32)
        good = column.quality == Quality.OK
        used, inverse = np.unique(column.value[good].astype(np.int64), return_inverse=True)
        coded = np.array([known.setdefault(column.texts[u], len(known)) for u in used], np.int32)
        codes[good] = coded[inverse]
        return codes

    def _spill(self) -> None:
        try:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix=".renkei-", dir=self._scratch))
            for n, (path, blocks) in enumerate(self._waiting.items()):
                with self._file(n).open("ab") as file:
                    for block in blocks:
                        file.write(_packed(block).view(np.uint8).data)
                self._waiting[path] = []
        except OSError as e:
            place = self._folder or self._scratch or tempfile.gettempdir()
            raise OutputError(f"{place}: scratch files cannot be written: {e.strerror or e}") from e
        self._held = 0

    def _file(self, number: int) -> Path:
        assert self._folder is not None
        return self._folder / str(number)

    def _collected(self, path: str) -> _Block:
        blocks = self._waiting[path]
        number = list(self._waiting).index(path)
        if self._folder and self._file(number).exists():
            spilled = np.memmap(self._file(number), _SAMPLE, "r")
            codes = spilled["text"] if path in self._texts else None
            blocks = [_Block(spilled["t"], spilled["value"], spilled["quality"], codes), *blocks]
        if len(blocks) == 1:
            return blocks[0]
        kept = [block.codes for block in blocks if block.codes is not None]
        return _Block(
            np.concatenate([block.t for block in blocks]),
            np.concatenate([block.value for block in blocks]),
            np.concatenate([block.quality for block in blocks]),
            np.concatenate(kept) if kept else None,
        )

    def _table(self, path: str, block: _Block) -> pa.Table:
        same, ok = np.zeros(len(block.t), np.int32), block.quality == Quality.OK
        is_text = block.codes is not None
        columns = [
            _labels(same, [self.vehicle]),
            _labels(same, [path]),
            _array(pa.timestamp("ns", "UTC"), block.t),
            _array(pa.float64(), block.value, np.zeros_like(ok) if is_text else ok),
            _labels(same if block.codes is None else block.codes, self._texts.get(path, ()), ok & is_text),
            _labels(block.quality.astype(np.int32), _QUALITIES),
        ]
        return pa.table(columns, schema=SCHEMA)


class _Block(NamedTuple):
    """Samples of one signal; `codes` are places among its texts, -1 where quality is not ok."""

    t: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.int8]
    codes: NDArray[np.int32] | None


def _packed(block: _Block) -> NDArray[Any]:
    """The block as it goes to disk."""
    packed = np.empty(len(block.t), _SAMPLE)
    packed["t"], packed["value"], packed["quality"] = block.t, block.value, block.quality
    packed["text"] = -1 if block.codes is None else block.codes
    return packed


def _array(type_: pa.DataType, values: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> pa.Array:
    # from buffers: pa.array() would look for pandas, and importing that takes longer than all the rest
    mask = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(type_, len(values), [mask, pa.py_buffer(np.ascontiguousarray(values))])


def _labels(codes: NDArray[Any], labels: Iterable[str], valid: NDArray[np.bool_] | None = None) -> pa.Array:
    words = [label.encode() for label in labels]
    offsets = np.cumsum([0, *map(len, words)], dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(words))]
    strings = pa.Array.from_buffers(pa.string(), len(words), buffers)
    return pa.DictionaryArray.from_arrays(_array(pa.int32(), codes, valid), strings)


FORMATS = (".parquet", ".csv")


def write(samples: Sequence[Samples], file: Path, metadata: Mapping[str, str]) -> None:
    """Write all samples to `file`, Parquet or CSV by its ending; `metadata` goes into a Parquet file's own.

    Raises OutputError; then no file of that name was made or changed.
    """
    file = writable(file)
    with aside(file) as beside:
        tables = (
            (s, path) for path in sorted({p for s in samples for p in s.paths}) for s in samples if path in s.paths
        )
        slabs = (slab for s, path in tables for slab in s.slabs(path))
        if file.suffix == ".csv":
            _write_csv(beside, slabs)
        else:
            _write_parquet(beside, slabs, metadata)


def writable(file: Path) -> Path:
    """`file`, if it can be an output; raises OutputError before any work is done."""
    if file.suffix not in FORMATS:
        raise OutputError(
            f"{file}: expected a name that ends in {' or '.join(FORMATS)}, got '{file.suffix or file.name}'"
        )
    if file.is_dir():
        raise OutputError(f"{file}: is a folder")
    folder = file.parent
    if not folder.is_dir():
        raise OutputError(f"{file}: no such folder: {folder}")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"{file}: cannot write in {folder}: permission denied")
    return file


def _write_parquet(file: Path, slabs: Iterator[pa.Table], metadata: Mapping[str, str]) -> None:
    # without the Arrow schema in the file, readers see plain strings instead of our dictionaries
    with pq.ParquetWriter(
        file, SCHEMA, compression="zstd", compression_level=1, store_schema=False,
        use_dictionary=["vehicle", "signal", "text", "quality"], column_encoding={"t": "DELTA_BINARY_PACKED"},
    ) as writer:  # fmt: skip
        for slab in slabs:
            writer.write_table(slab)
        writer.add_key_value_metadata(dict(metadata))


def _write_csv(file: Path, slabs: Iterator[pa.Table]) -> None:
    from pyarrow import csv

    plain = pa.schema([(f.name, pa.string() if f.type == _LABEL else f.type) for f in SCHEMA])
    with csv.CSVWriter(file, plain) as writer:
        for slab in slabs:
            writer.write_table(slab.cast(plain))
