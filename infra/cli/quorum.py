"""Verbs about quorum sets: what must agree, what may be lost, who could split the network."""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from xml.sax.saxutils import escape

import typer

from infra.cli import user_io
from infra.cli.deployments import DataOption
from infra.cli.output import JsonOption, print_json, print_text
from infra.cli.votes import open_nodes
from infra.local.errors import LocalError
from infra.local.node_port import ask

if TYPE_CHECKING:
    from schemas.generated.common import PublicKey
    from schemas.generated.consensus import QuorumSet
    from streams.consensus.intersection import Answer

app = typer.Typer(help="Quorum sets: who must agree.")

FileArgument = Annotated[
    Path | None,
    typer.Argument(help="A quorum set in JSON, or a genesis file; else the deployment's own."),
]
LINE, INDENT, WIDTH = 24, 20, 720


@app.command()
def check(
    file: FileArgument = None,
    local: Annotated[
        Path | None,
        typer.Option(help="Nodes that trust otherwise: JSON, quorum sets by their keys (G...)."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether every two quorums share a node, what may be lost, and who could split it.

    With --local: of the network in which those nodes have sets of their own beside the network's.
    """
    from streams.consensus.intersection import Verdict, check_intersection, make_uniform

    quorum_set, names = _load(file, data)
    network = make_uniform(quorum_set)
    answer = check_intersection(network if local is None else network | _read_local(local))
    if as_json:
        print_json(_describe(answer, names))
    else:
        for line in _explain(answer, names):
            print_text(line)
    if answer.verdict is not Verdict.INTERSECT:
        raise typer.Exit(1)


@app.command()
def show(
    file: FileArgument = None,
    svg: Annotated[Path | None, typer.Option(help="Draw it into this file.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the quorum set in words, as JSON, or drawn."""
    quorum_set, names = _load(file, data)
    if svg is not None:
        svg.write_text(draw(quorum_set, names))
    if as_json:
        print_json(_show(quorum_set))
        return
    for depth, text in _list_lines(quorum_set, names, 0):
        print_text("  " * depth + text)


def _load(file: Path | None, data: Path | None) -> tuple["QuorumSet", Mapping[bytes, str]]:
    """With the names of nodes, as far as they are known."""
    if file is not None:
        return _read(user_io.read_json(file), file), {}
    from schemas.codec import decode
    from schemas.generated import keys
    from schemas.generated.entries import Validators
    from schemas.generated.ledger import LedgerEntry

    names: dict[bytes, str] = {}
    quorum_set = None
    for node, client in open_nodes(data, None):
        status = ask(node, client, "GET", "/status")
        names[_decode(status["node_id"])] = node
        if quorum_set is None:
            wanted = {"keys": [keys.VALIDATORS.hex()]}
            (proved,) = ask(node, client, "POST", "/proof", wanted)["entries"]
            entry = decode(LedgerEntry, base64.b64decode(proved["entry"])).data
            if isinstance(entry, Validators):
                quorum_set = entry.quorum_set
    if quorum_set is None:
        raise LocalError("no node told the quorum set: see `tokend status`")
    return quorum_set, names


def _decode(address: str) -> bytes:
    from schemas.strkey import decode_account_id

    return decode_account_id(address)


def _read(document: Any, file: Path) -> "QuorumSet":
    """Of a file as people write it. Raises LocalError."""
    from schemas.generated.consensus import QuorumSet
    from schemas.readable import Scales, Unreadable, read_value
    from streams.consensus.quorum_set import normalise_quorum_set, validate_quorum_set

    if isinstance(document, dict) and "quorum_set" in document:
        document = document["quorum_set"]
    try:
        quorum_set = read_value(QuorumSet, _fill(document), Scales())
    except Unreadable as error:
        raise LocalError(f"{file}: {error}") from None
    fault = validate_quorum_set(quorum_set)
    if fault is not None:
        raise LocalError(f"{file}: {fault}")
    return normalise_quorum_set(quorum_set)


def _read_local(file: Path) -> "dict[PublicKey, QuorumSet]":
    """Sets of nodes by themselves. Raises LocalError."""
    from schemas.generated.common import PublicKey

    document = user_io.read_json(file)
    if not isinstance(document, dict):
        raise LocalError(f"{file}: expected an object: quorum sets by the keys of nodes")
    try:
        keys = {PublicKey(_decode(node)): each for node, each in document.items()}
    except ValueError as error:
        raise LocalError(f"{file}: {error}") from None
    return {node: _read(each, file) for node, each in keys.items()}


def _fill(document: Any) -> Any:
    """Members that are empty may be left out."""
    if not isinstance(document, dict):
        return document
    inner = document.get("inner_sets", [])
    return {
        "validators": [],
        **document,
        "inner_sets": [_fill(each) for each in inner] if isinstance(inner, list) else inner,
    }


def _show(quorum_set: "QuorumSet") -> Any:
    from schemas.readable import Scales, show_value

    return show_value(quorum_set, Scales())


def _name(node: bytes, names: Mapping[bytes, str]) -> str:
    from schemas.readable import show_account

    return names.get(node) or show_account(node)


def _join(nodes: Iterable[bytes], names: Mapping[bytes, str]) -> str:
    return ", ".join(sorted(_name(each, names) for each in nodes))


def _describe(answer: "Answer", names: Mapping[bytes, str]) -> dict[str, Any]:
    def show_all(nodes: "Iterable[PublicKey] | None") -> list[str] | None:
        return None if nodes is None else sorted(_name(each, names) for each in nodes)

    split = None if answer.split is None else [show_all(each) for each in answer.split]
    return {
        "verdict": answer.verdict.name,
        "split": split,
        "halting": show_all(answer.halting),
        "splitting": show_all(answer.splitting),
        "is_complete": answer.is_complete,
    }


def _explain(answer: "Answer", names: Mapping[bytes, str]) -> Iterable[str]:
    yield answer.verdict.value
    if answer.split is not None:
        yield f"one quorum: {_join(answer.split[0], names)}"
        yield f"another: {_join(answer.split[1], names)}"
    if answer.halting is not None:
        count = len(answer.halting)
        yield f"it halts when {count} are lost, for example {_join(answer.halting, names)}"
    if answer.splitting:
        count = len(answer.splitting)
        yield f"{count} that lie could split it, for example {_join(answer.splitting, names)}"
    if not answer.is_complete:
        yield "the search was too long: some of this is not known"


def _list_lines(
    quorum_set: "QuorumSet", names: Mapping[bytes, str], depth: int
) -> Iterable[tuple[int, str]]:
    """(nesting, text)."""
    entries = len(quorum_set.validators) + len(quorum_set.inner_sets)
    yield depth, f"{quorum_set.threshold} of {entries} must agree:"
    for node in quorum_set.validators:
        yield depth + 1, _name(node, names)
    for inner in quorum_set.inner_sets:
        yield from _list_lines(inner, names, depth + 1)


def draw(quorum_set: "QuorumSet", names: Mapping[bytes, str]) -> str:
    """As an SVG: a box for each set around what it holds."""
    parts: list[str] = []
    height = _draw_set(quorum_set, names, 0, LINE // 2, parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height + LINE // 2}"'
        ' font-family="monospace" font-size="12">' + "".join(parts) + "</svg>\n"
    )


def _draw_set(
    quorum_set: "QuorumSet", names: Mapping[bytes, str], depth: int, top: int, parts: list[str]
) -> int:
    """Returns where it ends."""
    at, left = top + LINE, INDENT * (depth + 1)
    entries = len(quorum_set.validators) + len(quorum_set.inner_sets)
    place = len(parts)
    texts = [
        f"{quorum_set.threshold} of {entries}",
        *(_name(n, names) for n in quorum_set.validators),
    ]
    for text in texts:
        parts.append(f'<text x="{left + 8}" y="{at - 7}">{escape(text)}</text>')
        at += LINE
    for inner in quorum_set.inner_sets:
        at = _draw_set(inner, names, depth + 1, at - LINE // 2, parts) + LINE + LINE // 4
    bottom = at - LINE + LINE // 4
    box = (
        f'<rect x="{left}" y="{top}" width="{WIDTH - 2 * left}" height="{bottom - top}"'
        ' fill="none" stroke="black" rx="6"/>'
    )
    parts.insert(place, box)
    return bottom
