"""Every document of the corpus gets the right verdict, in bounded memory, and harms nothing."""

import resource
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from nacl.public import PrivateKey

from gateways.checker.children import Paper, inspect
from gateways.checker.settings import CheckSettings, GatewayAddress
from gateways.client.errors import ClientError
from gateways.client.keys import get_seed
from gateways.client.previews import make_previews
from gateways.client.sealed_documents import seal_document
from gateways.identity.reasons import Reason
from schemas.settings import Secret
from tests.gateways.kyc.corpus import BYTES_MAX, TYPES, Sample, make_bad, make_good
from tests.support.network import get_key

pytestmark = pytest.mark.slow
MEMORY = 512 * 1024 * 1024
NOWHERE = (GatewayAddress(url="http://127.0.0.1:1"),)
SETTINGS = CheckSettings(
    seed=Secret(get_seed(get_key("checker"))),
    api=NOWHERE,
    keychains=NOWHERE,
    horizons=NOWHERE,
    memory=MEMORY,
    cpu_s=10.0,
    wall_s=60.0,
)
KEY = PrivateKey.generate()
SCHEMA = {"type": "object", "required": ["first_name"], "properties": {"first_name": {}}}


def seal(folder: Path, content: bytes) -> Path:
    file = folder / "sealed"
    file.write_bytes(b"".join(seal_document(bytes(KEY.public_key), [content])))
    return file


def look(folder: Path, content: bytes) -> list[str]:
    paper = Paper(seal(folder, content), bytes(KEY), BYTES_MAX, media_types=TYPES)
    return inspect(paper, SETTINGS)


def look_and_measure(folder: Path, content: bytes) -> tuple[list[str], int]:
    """The verdict, and the most memory in bytes that a child of this process has had."""
    codes = look(folder, content)
    return codes, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def choose_quick() -> Iterator[ParameterSet]:
    """Every fourth; the others are a campaign, because each takes a process that imports much."""
    for number, sample in enumerate(make_bad()):
        marks = () if number % 4 == 0 else (pytest.mark.campaign, pytest.mark.faults)
        yield pytest.param(sample, id=sample.name, marks=marks)


@pytest.fixture(scope="module")
def checker() -> Iterator[ProcessPoolExecutor]:
    """A process whose only children are the checker's, and that is small itself: what a process
    had before it begins a program counts as the program's."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("sample", list(make_good()), ids=lambda each: each.name)
def test_good_documents_pass(sample: Sample, tmp_path: Path) -> None:
    assert look(tmp_path, sample.make()) == []
    assert make_previews(sample.make())[0].startswith(b"\x89PNG")


@pytest.mark.parametrize("sample", list(choose_quick()))
def test_hostile_documents_are_found(
    checker: ProcessPoolExecutor, sample: Sample, tmp_path: Path
) -> None:
    (code,), used = checker.submit(look_and_measure, tmp_path, sample.make()).result()
    assert code in sample.codes
    assert used <= MEMORY


@pytest.mark.parametrize("name", ["png bomb", "pdf with an image bomb", "html", "zip"])
def test_hostile_documents_are_not_drawn(name: str) -> None:
    (sample,) = [each for each in make_bad() if each.name == name]
    try:
        pictures = make_previews(sample.make())
    except ClientError:
        return
    assert name.startswith("pdf")  # a page without the image
    assert all(len(each) < 4_000_000 for each in pictures)


def test_what_is_sealed_to_another_key_or_changed_is_told(tmp_path: Path) -> None:
    sealed = seal(tmp_path, b"content")
    other = Paper(sealed, bytes(PrivateKey.generate()), BYTES_MAX, media_types=TYPES)
    assert inspect(other, SETTINGS) == [Reason.DOCUMENT_UNREADABLE]
    sealed.write_bytes(sealed.read_bytes()[:-1])
    cut = Paper(sealed, bytes(KEY), BYTES_MAX, media_types=TYPES)
    assert inspect(cut, SETTINGS) == [Reason.DOCUMENT_UNREADABLE]


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        (b'{"first_name": "A"}', []),
        (b"{}", [Reason.FORM_INVALID]),
        (b"[]", [Reason.FORM_INVALID]),
        (b"{", [Reason.FORM_UNREADABLE]),
        (b"\xff\xfe", [Reason.FORM_UNREADABLE]),
        (b"[" * 100_000, [Reason.FORM_UNREADABLE]),
    ],
    ids=["good", "empty", "a list", "cut", "no text", "deep"],
)
def test_forms(content: bytes, codes: list[str], tmp_path: Path) -> None:
    paper = Paper(seal(tmp_path, content), bytes(KEY), 256 * 1024, schema=SCHEMA)
    assert inspect(paper, SETTINGS) == codes


def test_there_are_enough_of_them() -> None:
    assert len(list(make_bad())) >= 30
