"""The body of a registration, as API wants a statement of the KeyServer."""

import base64


def encode_registration(
    statement: bytes, signature: bytes, email: str, locale: str = ""
) -> dict[str, str]:
    """`statement`, `signature`: exactly as the KeyServer gave them."""
    return {
        "statement": base64.b64encode(statement).decode(),
        "signature": base64.b64encode(signature).decode(),
        "email": email,
        "locale": locale,
    }
