"""``python -m export bench``: how fast files run on this machine."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from controller.cli import DONE, make_parser
from controller.errors import ModelError
from export.bench import Timing, machine, measure
from export.errors import ExportUsageError
from training.cli import add_json, run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Time files over numbers of threads."""
    parser = make_parser(
        "python -m export bench",
        "Time every .tflite file of a folder, each over numbers of threads, taking turns in one\n"
        "run. With --references a Donkeycar-sized network stands beside them, and the machine's\n"
        "int8 peak is measured (this needs TensorFlow).",
        "python -m export bench exported --threads 1,2 --references",
    )
    parser.add_argument("path", type=Path, nargs="+", help="folders or .tflite files")
    parser.add_argument("--threads", default="1", metavar="N,N,...", help="threads (1)")
    parser.add_argument("--invokes", type=int, default=400, help="timed calls of each (400)")
    parser.add_argument("--references", action="store_true", help="compare with other networks")
    add_json(parser)
    args = parser.parse_args(argv)
    return run_command(lambda: _bench(args))


def _files(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        found = sorted(path.glob("*.tflite")) if path.is_dir() else [path]
        if not found or not all(file.is_file() for file in found):
            raise ModelError(f"{path}: no .tflite file here")
        files += found
    return files


def _threads(text: str) -> list[int]:
    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise ExportUsageError(f"--threads {text}: numbers with commas between them") from error
    if min(counts) < 1:
        raise ExportUsageError(f"--threads {text}: at least 1")
    return counts


def _bench(args: argparse.Namespace) -> int:
    files, threads = _files(args.path), _threads(args.threads)
    if args.invokes < 1:
        raise ExportUsageError(f"--invokes {args.invokes}: at least 1")
    peak = None
    with tempfile.TemporaryDirectory() as folder:
        if args.references:
            from export.references import donkey_sized, peak_sized, write_reference

            donkey = write_reference(donkey_sized(), "donkeycar-sized-int8", Path(folder))
            wide = write_reference(peak_sized(), "peak", Path(folder))
            peak = measure([wide], [1], 40)[0].macs_per_s
            files.append(donkey)
        timings = measure(files, threads, args.invokes)
    if args.json:
        facts = [timing.as_json(peak) for timing in timings]
        print(json.dumps({"machine": machine(), "int8_peak_macs_per_s": peak, "files": facts}))
    else:
        _print_table(timings, peak)
    return DONE


def _print_table(timings: Sequence[Timing], peak: float | None) -> None:
    facts = machine()
    print(f"{facts['processor']}, {facts['runtime']}")
    if peak:
        print(f"int8 peak, one thread: {peak / 1e9:.1f} GMAC/s")
    print(f"  {'file':<34}{'threads':>8}{'p50 ms':>9}{'p99 ms':>9}{'frames/s':>10}", end="")
    print(f"{'GMAC/s':>9}{'of peak':>9}{'kB':>9}")
    for item in timings:
        share = f"{item.macs_per_s / peak:.0%}" if peak else ""
        print(
            f"  {item.file.stem:<34}{item.threads:>8}{item.p50_ms:>9.3f}{item.p99_ms:>9.3f}"
            f"{1000 / item.p50_ms:>10.0f}{item.macs_per_s / 1e9:>9.1f}{share:>9}"
            f"{item.size_bytes / 1000:>9.1f}"
        )
