"""The views' version follows their definition."""

from hashlib import sha256

from processors.horizon.schema import get_views_definition
from schemas.versions import HORIZON_VIEWS

# The definition's hash by version. Changed tables need a new version, here and in schemas/versions.
DEFINITIONS = {
    1: "c671205cb35c001d",
    2: "05a5a24d30888ebd",
    3: "255394b95b70ff9c",
    4: "34dcf2609a7be758",
    5: "288e0adb6f834132",
    6: "6bb7428ea5d16451",
    7: "6b8b67e62ee1b8cd",
    8: "de5ff3627573c1cd",
    9: "65ccc14a3fe952dd",
    10: "70bc409d15d65418",
    11: "ac97e385cb07d105",
}


def test_another_definition_is_another_version() -> None:
    found = sha256(get_views_definition().encode()).hexdigest()[:16]
    assert found == DEFINITIONS[HORIZON_VIEWS], (
        f"the views changed: raise HORIZON_VIEWS and note its definition {found} here"
    )
