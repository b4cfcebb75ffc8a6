"""What is refused, by its fault and never by its words."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from infra.local.errors import Fault, LocalError


@contextmanager
def refused(fault: Fault) -> Iterator[pytest.ExceptionInfo[LocalError]]:
    """The block ends by an error with that fault, in one line."""
    with pytest.raises(LocalError) as caught:
        yield caught
    assert caught.value.fault is fault, str(caught.value)
    assert "\n" not in str(caught.value)
