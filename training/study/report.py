"""A study's folder -> tables, figures, and an HTML page of both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from training.report.page import render
from training.runs.folder import write_json
from training.study.figures import draw_figures
from training.study.groups import Group, block, frontier, groups, kept_share, slice_groups
from training.study.plan import SEED_SHUFFLED
from training.study.results import STARTS, Finished, Study, read_study

TEMPLATE = Path(__file__).with_name("study.html.j2")

Column = tuple[str, Callable[[Group], str]]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its title and what a reader should know.

    Attributes:
        title: Its heading.
        headings: Of the columns.
        rows: As many cells each.
        note: A sentence below the heading; may be empty.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def markdown(self) -> str:
        """The table for a ``.md`` file, without its title."""
        lines = ["| " + " | ".join(self.headings) + " |", "|" + "---|" * len(self.headings)]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join(lines)


def spread(group: Group, of: Callable[[Finished], float]) -> str:
    """The mean over seeds, with half of what lies between the lowest and the highest."""
    mean, half = group.values(of)
    return f"{mean:.3f}" if len(group.runs) == 1 else f"{mean:.3f} ± {half:.3f}"


_NAME: Column = ("network", lambda g: g.first.network)
_N: Column = ("n", lambda g: str(block(g.first)))
_START: Column = ("starts from", lambda g: STARTS[g.first.start])
_ALPHA: Column = ("alpha", lambda g: f"{g.first.alpha:g}")
_SIZE: Column = ("input", lambda g: g.first.size)
_PARAMETERS: Column = ("parameters", lambda g: f"{g.first.parameters:,}")
_MACS: Column = ("million MACs", lambda g: f"{g.first.macs / 1e6:.1f}")
_BALANCED: Column = ("balanced accuracy", lambda g: spread(g, lambda run: run.balanced))
_ACCURACY: Column = ("accuracy", lambda g: spread(g, lambda run: run.accuracy))
_VALIDATION: Column = (
    "balanced, validation",
    lambda g: spread(g, lambda run: run.validation_balanced),
)
_SEEDS: Column = ("seeds", lambda g: str(len(g.runs)))
_KB: Column = ("int8 kB", lambda g: f"{g.int8.size_bytes / 1000:.0f}" if g.int8 else "")
_MS: Column = ("int8 ms, p50", lambda g: f"{g.int8.p50_ms:.3f}" if g.int8 else "")
_INT8: Column = ("int8 balanced", lambda g: f"{g.int8.balanced:.3f}" if g.int8 else "")
_AGREE: Column = ("int8 agrees", lambda g: f"{g.int8.agreement:.3f}" if g.int8 else "")
_KEPT: Column = ("tracks kept", lambda g: f"{g.kept.kept} of {g.kept.tracks}" if g.kept else "")


def _table(title: str, columns: Sequence[Column], rows: Sequence[Group], note: str = "") -> Table:
    cells = tuple(tuple(cell(group) for _, cell in columns) for group in rows)
    return Table(title, tuple(name for name, _ in columns), cells, note)


def accuracy_table(study: Study) -> Table:
    """Every network of the honest split, for the terminal."""
    columns = (_NAME, _START, _ALPHA, _SIZE, _PARAMETERS, _BALANCED, _ACCURACY, _VALIDATION, _SEEDS)
    return _table(f"On {study.where}", columns, groups(study.runs))


def tables(study: Study) -> list[Table]:
    """All tables that a study has something to put into."""
    honest = groups(study.runs)
    transfer = [group for group in honest if group.first.family != "sliced n"]
    slices = slice_groups(honest)
    where = f"on {study.where}, never trained on"
    flattered = groups(study.runs, SEED_SHUFFLED)
    found = [_flattery(study, flattered, honest)] if flattered else []
    if transfer:
        columns = (_NAME, _START, _BALANCED, _ACCURACY, _VALIDATION, _SEEDS)
        note = (
            "BnB and AnB: blocks 1 to n copied and frozen; with +: copied and trained further. "
            "The rest starts at random. BaseA, a network on ImageNet's own task, is not trained "
            "here: its published weights stand for it."
        )
        found.append(_table(f"Transfer: {where}", columns, transfer, note))
    if slices:
        columns = (_N, _START, _ALPHA, _SIZE, _BALANCED, _ACCURACY, _VALIDATION, _SEEDS)
        note = "Networks cut after block n; cut after block 13 they are baseB and baseB+."
        found.append(_table(f"Slices: {where}", columns, slices, note))
    found += _speed_tables(study, honest)
    return found


def _speed_tables(study: Study, honest: Sequence[Group]) -> list[Table]:
    """Size and work of every network; where int8 files were timed, those instead."""
    columns = (_NAME, _START, _ALPHA, _SIZE, _PARAMETERS, _MACS, _BALANCED, _ACCURACY)
    if not study.machine:
        return [_table("Size, work and accuracy", columns, honest)]
    kept = (_KEPT,) if any(group.kept for group in honest) else ()
    timed = [group for group in honest if group.int8]
    columns = (*columns, _KB, _MS, _INT8, _AGREE, *kept)
    note = f"Of each shape of network one as int8 file, as the car runs it: {study.machine}."
    best = (_NAME, _START, _ALPHA, _SIZE, _MS, _KB, _BALANCED, _INT8, *kept)
    found = [
        _table("Size, work, speed and accuracy", columns, timed, note),
        _table(
            "What nothing beats",
            best,
            frontier(timed),
            "Of the networks timed (of each shape the start that was best in validation) none is "
            "as fast and more accurate.",
        ),
    ]
    if kept:
        note = "Of the networks timed none other is as fast and keeps more simulated tracks."
        found.append(
            _table("What nothing beats on tracks", best, frontier(timed, kept_share), note)
        )
    return found


def _flattery(study: Study, shuffled: Sequence[Group], honest: Sequence[Group]) -> Table:
    """What the seed's protocol says of a network, beside what it does on another day."""
    own = {(g.first.network, g.first.start, g.first.alpha, g.first.shape): g for g in honest}

    def honestly(group: Group) -> str:
        first = group.first
        found = own.get((first.network, first.start, first.alpha, first.shape))
        return spread(found, lambda run: run.balanced) if found else ""

    return _table(
        "What the seed's protocol would have said",
        (
            _NAME,
            _START,
            ("shuffled frames, balanced", lambda g: spread(g, lambda run: run.validation_balanced)),
            ("shuffled frames, accuracy", lambda g: spread(g, lambda run: run.validation)),
            (f"the same network on {study.where}, balanced", _BALANCED[1]),
            (f"trained honestly, on {study.where}, balanced", honestly),
            _SEEDS,
        ),
        shuffled,
        "Drawn at random from the training drives, a frame's neighbours in time have been "
        "trained on: the figure tells how well a network remembers.",
    )


def write_report(folders: Sequence[Path], out: Path, command: str) -> list[Path]:
    """Write ``study.md``, ``study.json``, ``study.html`` and the figures.

    Args:
        folders: The study, or several that are reported as one.
        out: Where to write.
        command: The command that made the study, for the reader to repeat.

    Raises:
        DataError: If a folder holds no finished run, or a broken one.
        OSError: If ``out`` cannot be written.
    """
    study = read_study(*folders)
    out.mkdir(parents=True, exist_ok=True)
    parts = tables(study)
    figures = draw_figures(study, out)
    made = f"{len(study.runs)} runs, made by"
    where = "Accuracy ± half of what lies between the lowest and the highest seed."
    text = ["# Transfer study", "", f"{made}", "", "```sh", command, "```", "", where, ""]
    for figure in figures:
        text += [f"![{figure.says}]({figure.path.name})", ""]
    for part in parts:
        text += [f"## {part.title}", "", *([part.note, ""] if part.note else []), part.markdown()]
        text.append("")
    (out / "study.md").write_text("\n".join(text))
    page = render(TEMPLATE, made=made, command=command, spread=where, figures=figures, tables=parts)
    (out / "study.html").write_text(page)
    facts = {"machine": study.machine, "runs": [asdict(run) for run in study.runs]}
    write_json(out / "study.json", facts)
    written = [out / f"study.{kind}" for kind in ("md", "html", "json")]
    return [*written, *(figure.path for figure in figures)]
