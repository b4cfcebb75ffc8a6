"""What our own processes take from the environment: a short list, so that nothing else leaks in.

Variables of clients (PGOPTIONS, HTTP_PROXY, SSL_CERT_FILE, JAVA_TOOL_OPTIONS, ...) would silently
change connections of our own parts: turn durability off, send tokens to a proxy, stop a start.
"""

from collections.abc import Mapping, MutableMapping

INHERITED = ("HOME", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER")
LOCALE = {"LC_ALL": "C.UTF-8"}
"""Java reads paths by the locale: without UTF-8 it cannot open one that is not ASCII."""


def make_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """That of the processes we start."""
    return {**{name: environ[name] for name in INHERITED if name in environ}, **LOCALE}


def forget_clients(environ: MutableMapping[str, str]) -> None:
    """For a service: leaves what `make_environment` keeps, and settings."""
    kept = {
        name: value for name, value in environ.items() if name.startswith(("TOKEND_", "_TOKEND"))
    }
    kept |= make_environment(environ)
    for name in environ.keys() - kept.keys():
        del environ[name]
    environ.update(kept)


def forget_postgres(environ: MutableMapping[str, str]) -> None:
    """For the verbs: libpq must take nothing from variables that we did not set."""
    for name in [name for name in environ if name.startswith("PG")]:
        del environ[name]
