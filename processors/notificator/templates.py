"""Messages as texts: one template per type and locale, rendered in Jinja's sandbox.

A template has the blocks `subject`, `text` and `sms`; `base.j2` makes the HTML of the text, with
everything escaped. An unknown variable is an error, so that no half message leaves.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

FOLDER = Path(__file__).parent / "templates"
LOCALES = ("en", "de")
SUBJECT_LENGTH_MAX, SMS_LENGTH_MAX = 200, 320
TEXT_LENGTH_MAX = 100_000


class Unrenderable(Exception):
    """The template does not know the message, or the data is not what it needs."""


class Rendered(NamedTuple):
    """One message in one language."""

    subject: str
    text: str
    html: str
    sms: str


class Templates:
    """`folder`: of the operator's own templates, which go before ours."""

    def __init__(self, folder: Path | None = None) -> None:
        folders = [FOLDER] if folder is None else [folder, FOLDER]
        loader = ChoiceLoader([FileSystemLoader(each) for each in folders])
        self._plain = _make_environment(loader, is_html=False)
        self._html = _make_environment(loader, is_html=True)

    def render(self, name: str, locale: str, data: Mapping[str, Any]) -> Rendered:
        """A locale that there is none of is English. Raises `Unrenderable`."""
        file = f"{choose_locale(locale)}/{name}.j2"
        try:
            plain, html = self._plain.get_template(file), self._html.get_template(file)
            values = dict(data)
            rendered = Rendered(
                _flatten(_render_block(plain, "subject", values), SUBJECT_LENGTH_MAX),
                _render_block(plain, "text", values).strip() + "\n",
                html.render(values),
                _flatten(_render_block(plain, "sms", values), SMS_LENGTH_MAX),
            )
        except (TemplateError, TypeError, ValueError, OverflowError) as error:
            raise Unrenderable(f"{name}: {type(error).__name__}") from None
        if max(len(rendered.text), len(rendered.html)) > TEXT_LENGTH_MAX:
            raise Unrenderable(f"{name}: longer than {TEXT_LENGTH_MAX} characters")
        return rendered


def choose_locale(locale: str) -> str:
    """The locale of ours that suits: de for de-AT."""
    language = locale.lower().replace("_", "-").partition("-")[0]
    return language if language in LOCALES else LOCALES[0]


def _make_environment(loader: BaseLoader, *, is_html: bool) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=is_html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.clear()  # `range` and others, by which data could make much of little
    # What was escaped stays marked as such: `split` of marked text gives marked texts.
    environment.filters["paragraphs"] = lambda text: [p for p in text.split("\n\n") if p.strip()]
    return environment


def _render_block(template: Any, name: str, values: Mapping[str, Any]) -> str:
    """A block alone. Those of the base call each other by `self`, which needs the whole; these do
    not."""
    context = template.new_context(dict(values))
    blocks = {**template.blocks}
    if name not in blocks:
        return ""
    return "".join(blocks[name](context))


def _flatten(text: str, length_max: int) -> str:
    """One line without control characters: a header cannot be injected by it."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line[:length_max]
