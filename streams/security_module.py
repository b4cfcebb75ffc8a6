"""Logging in to a hardware security module, by PKCS#11, for all services that keep keys in one."""

from typing import Any


class ModuleUnavailable(Exception):
    """The message says what to do."""


def load_pkcs11() -> Any:
    """The library, which comes with the extra `hsm`. Raises `ModuleUnavailable`."""
    try:
        import pkcs11
    except ImportError:
        raise ModuleUnavailable(
            "a security module needs the extra `hsm`: pip install tokend[hsm]"
        ) from None
    return pkcs11


def log_in(pkcs11: Any, library: str, token: str, pin: str) -> Any:
    """A session. Who has logged in is the process: only its first session needs the PIN. `library`:
    the vendor's; `token`: its label. Raises `ModuleUnavailable`."""
    try:
        found = pkcs11.lib(library).get_token(token_label=token)
        try:
            return found.open(user_pin=pin, rw=True)
        except pkcs11.UserAlreadyLoggedIn:
            return found.open(rw=True)
    except (pkcs11.PKCS11Error, RuntimeError) as error:
        text = f"the token {token!r} of {library} cannot be opened ({type(error).__name__})"
        raise ModuleUnavailable(f"{text}: correct the settings, or start the module") from None
