"""What is kept of rendered rows is bounded by bytes."""

import msgspec
import pytest

from gateways.http import rendered
from gateways.http.rendered import RenderedRows


def test_the_first_made_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered, "BYTES_MAX", 100)
    rows = RenderedRows()
    rows.keep({number: msgspec.Raw(b"x" * 10) for number in range(10)})
    assert list(rows.get(range(10))) == list(range(10))
    rows.keep({3: msgspec.Raw(b"y" * 10), 10: msgspec.Raw(b"x" * 25)})
    assert list(rows.get(range(20))) == [3, 4, 5, 6, 7, 8, 9, 10]
    assert bytes(rows.get([3])[3]) == b"x" * 10
    rows.keep({11: msgspec.Raw(b"x" * 500)})
    assert rows.get(range(20)) == {}
