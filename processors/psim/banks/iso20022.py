"""Messages of ISO 20022, read hardened: XML without entities, document types and network, bounded,
before pyiso20022's types see it. Pure.

The libraries are imported when the first message is read: few processes have a bank.
"""

import importlib
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from processors.psim.banks.statements import StatementHeld

BYTES_MAX = 32 * 1024 * 1024
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"


def read_message(content: bytes, kinds: Collection[str]) -> tuple[Any, str]:
    """The document, and which of `kinds` (as camt.053.001.08) it is. Raises `StatementHeld`."""
    from xsdata.exceptions import ParserError
    from xsdata.formats.dataclass.parsers import XmlParser
    from xsdata.formats.dataclass.parsers.config import ParserConfig

    root, kind = _read_xml(content)
    if kind not in kinds:
        raise StatementHeld(f"{kind[:40]} is none of the messages that are read")
    config = ParserConfig(fail_on_unknown_properties=True, fail_on_converter_warnings=True)
    try:
        parser = XmlParser(config=config, context=get_context(kind))
        return parser.parse(root, get_types(kind).Document), kind
    except (ParserError, ValueError, TypeError, ArithmeticError, Warning) as error:
        raise StatementHeld(f"it is no {kind}: {error}"[:200]) from None


def get_types(kind: str) -> Any:
    """pyiso20022's module of a message."""
    name = kind.replace(".", "_")
    return importlib.import_module(f"pyiso20022.{name[:4]}.{name}.{name}")


@lru_cache
def get_context(kind: str) -> Any:  # noqa: ARG001 - one for each
    """What xsdata knows of a message's types: to find that out takes longer than to read one."""
    from xsdata.formats.dataclass.context import XmlContext

    return XmlContext()


def get_code(stated: Any) -> str:
    """A code, which is an enum in some versions and text in others; empty: there is none."""
    return "" if stated is None else str(getattr(stated, "value", stated))


def _read_xml(content: bytes) -> tuple[Any, str]:
    """The root, and what message it is by its namespace."""
    from lxml import etree  # type: ignore[import-untyped]

    if len(content) > BYTES_MAX:
        raise StatementHeld(f"it has more than {BYTES_MAX} bytes")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise StatementHeld(f"it is no XML: {error}"[:200]) from None
    if root.getroottree().docinfo.doctype:
        raise StatementHeld("it has a document type, which no bank needs")
    namespace = etree.QName(root).namespace or ""
    if not namespace.startswith(NAMESPACE):
        raise StatementHeld("it is no message of ISO 20022")
    return root, namespace.removeprefix(NAMESPACE)
