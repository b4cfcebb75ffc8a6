"""Every message in every language; data is data, whatever it looks like."""

import pytest

from processors.notificator.message_types import SAMPLES, TYPES
from processors.notificator.templates import (
    LOCALES,
    Templates,
    Unrenderable,
    choose_locale,
)

TEMPLATES = Templates()


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", TYPES)
def test_every_template_renders(name: str, locale: str) -> None:
    rendered = TEMPLATES.render(name, locale, SAMPLES[name])
    assert rendered.subject
    assert rendered.text.strip()
    assert rendered.html.startswith("<!DOCTYPE html>")
    for line in rendered.text.split("\n\n"):
        assert line.split()[0].replace("'", "&#39;") in rendered.html
    if any(channel == "sms" for channel in TYPES[name].channels):
        assert 0 < len(rendered.sms) <= 160


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", TYPES)
def test_no_variable_is_optional(name: str, locale: str) -> None:
    """A message says all or is not sent."""
    marked = {key: f"<{key}>" for key in SAMPLES[name]}
    rendered = TEMPLATES.render(name, locale, marked)
    shown = f"{rendered.subject} {rendered.text} {rendered.sms}"
    used = [key for key in marked if f"<{key}>" in shown]
    assert used
    for missing in used:
        with pytest.raises(Unrenderable):
            TEMPLATES.render(name, locale, {k: v for k, v in marked.items() if k != missing})


def test_every_type_has_a_sample() -> None:
    assert set(TYPES) == set(SAMPLES)


@pytest.mark.parametrize(
    "evil",
    [
        "x\r\nBcc: evil@example.org",
        "x\nX-Header: y",
        "x\x00y\x1b[31m",
        "x\u2028Bcc: evil",
        "x\x85Bcc: evil",
    ],
)
def test_a_subject_is_one_line(evil: str) -> None:
    rendered = TEMPLATES.render("message", "en", {"subject": evil, "text": "T"})
    assert len(rendered.subject.splitlines()) == 1
    assert rendered.subject.isprintable()


def test_markup_in_data_is_text() -> None:
    evil = '<script>alert(1)</script>\n\n{{ 7 * 7 }} {% raw %} & "quoted"'
    rendered = TEMPLATES.render("message", "en", {"subject": "<b>", "text": evil})
    assert "<script>" not in rendered.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in rendered.html
    assert "&amp;lt;" not in rendered.html
    assert "{{ 7 * 7 }}" in rendered.text


def test_data_of_wrong_shapes_is_refused() -> None:
    for data in ({"subject": "S", "text": "x" * 200_000}, {}):
        with pytest.raises(Unrenderable):
            TEMPLATES.render("message", "en", data)
    with pytest.raises(Unrenderable):
        TEMPLATES.render("../en/message", "en", SAMPLES["message"])


def test_locales() -> None:
    found = [choose_locale(each) for each in ("de", "de-AT", "DE_ch", "en", "fr", "", "x/../y")]
    assert found == ["de", "de", "de", "en", "en", "en", "en"]
