"""Mutants of the C core: small faults, put in one at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SWAPS = {
    "==": ("!=",),
    "!=": ("==",),
    "<": ("<=", ">"),
    "<=": ("<", ">"),
    ">": (">=", "<"),
    ">=": (">", "<"),
    "&&": ("||",),
    "||": ("&&",),
    "&": ("|",),
    "|": ("&",),
    "^": ("&",),
    "<<": (">>",),
    ">>": ("<<",),
    "++": ("--",),
    "--": ("++",),
    "+=": ("-=",),
    "-=": ("+=",),
    "+": ("-",),
    "-": ("+",),
    "*": ("+",),
    "%": ("/",),
    "!": ("",),
    "~": ("",),
    "true": ("false",),
    "false": ("true",),
}
_TOKEN = re.compile(
    r"0x[0-9A-Fa-f]+(?:UL|[uU])?|\d+(?:UL|[uU])?|[A-Za-z_]\w*|->|<<=|>>=|<<|>>|<=|>=|==|!=|&&|\|\|"
    r"|\+\+|--|\+=|-=|[-+*%&|^<>!~?:;,.(){}\[\]=/]|\"[^\"]*\""
)
_STATEMENT = re.compile(
    r"^\s*(?!return\b|break\b|case\b|\}|else\b|if\b|for\b)"
    r"[\w>\-.\[\]*+ ()]+(=|\(|\+\+|--|\|=|-=|\+=).*;\s*$"
)
_DECLARATION = re.compile(
    r"^\s*(static |const |enum |u?int\d+_t |bool |pl_\w+ \w+[;=]|struct |typedef )"
)
_CONDITION = re.compile(r"\b(if|while) \((.*)\)( \{)?$")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault.

    Attributes:
        file: Name of the source file.
        line: Its line, from 1.
        before: The line without the fault, stripped.
        after: The line with it, stripped.
        source: The whole file with it.
    """

    file: str
    line: int
    before: str
    after: str
    source: str


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mutant of a source file: operators, constants, conditions and statements."""
    lines = path.read_text(encoding="utf-8").splitlines()
    code = _without_comments(lines)
    for index, line in enumerate(code):
        if not line.strip() or line.lstrip().startswith(("#", '"')):
            continue
        seen = {lines[index]}
        for changed in _changes(line, code[index + 1] if index + 1 < len(code) else ""):
            if changed in seen:
                continue
            seen.add(changed)
            source = [*lines[:index], changed, *lines[index + 1 :]]
            yield Mutant(
                path.name, index + 1, line.strip(), changed.strip(), "\n".join(source) + "\n"
            )


def _without_comments(lines: list[str]) -> list[str]:
    text = "\n".join(lines)
    blanked = re.sub(r"/\*.*?\*/", lambda found: re.sub(r"[^\n]", " ", found[0]), text, flags=re.S)
    return [line.rstrip() for line in blanked.split("\n")]


def _changes(line: str, following: str) -> Iterator[str]:
    if _is_signature(line, following):
        return
    start = len(line) - len(line.lstrip())
    is_declaration = _DECLARATION.match(line) is not None and "=" not in line
    if not is_declaration:
        previous = ""
        for token in _TOKEN.finditer(line, start):
            for other in _others(token[0], previous, line[token.end() :]):
                yield line[: token.start()] + other + line[token.end() :]
            previous = token[0]
    if _STATEMENT.match(line) and not _DECLARATION.match(line):
        yield line[:start] + ";"
    condition = _CONDITION.search(line)
    if condition is not None:
        for value in ("0", "1"):
            yield line[: condition.start(2)] + value + line[condition.end(2) :]


def _is_signature(line: str, following: str) -> bool:
    return not line.startswith(" ") and (following.startswith("{") or "(" in line or "{" in line)


def _others(word: str, previous: str, rest: str) -> Iterator[str]:
    if word[0].isdigit():
        yield from _other_numbers(word)
    elif re.fullmatch(r"PL_[A-Z_]+", word) and not rest.startswith(":"):
        yield f"({word} + 1)"
        yield f"({word} - 1)"
    elif word == "*" and (previous.endswith("_t") or previous in ("const", "(", "=", ",", "")):
        return  # a pointer
    elif word == "&" and previous in ("(", ",", "=", ""):
        return  # an address
    elif word == "-" and not re.match(r"\w|\)", previous[-1:] or " "):
        yield ""  # a sign
    else:
        yield from _SWAPS.get(word, ())


def _other_numbers(word: str) -> Iterator[str]:
    digits = word.rstrip("uUL")
    suffix = word[len(digits) :]
    number = int(digits, 0)
    yield f"{number + 1}{suffix}"
    if number > 0:
        yield f"{number - 1}{suffix}"
