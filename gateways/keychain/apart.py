"""Whether a KeyChain is apart from API, as it must be: data and its keys in one place would be one
theft. Asked at the start, and again and again by one that runs.
"""

import httpx2
import psycopg

from gateways.keychain.settings import KeyChainSettings

SECONDS = 5
READ_SYSTEM = "select system_identifier::text from pg_control_system()"


class NotKnown(Exception):
    """Something does not answer yet."""


def find_shared(settings: KeyChainSettings) -> str | None:
    """What it shares with API, and what to do. A Horizon that does not answer is asked later, if
    another one does. Blocks. Raises NotKnown."""
    apart = settings.apart_from
    if apart.database_system is not None:
        system = _read_system(settings.store.url.reveal())
        if system == apart.database_system:
            return "store: this PostgreSQL server is API's: give the KeyChain one of its own"
    nodes = {each.url: _read_node(each.url) for each in settings.horizon}
    for url, node in nodes.items():
        if node in apart.nodes:
            return f"horizon: {url} is behind a core node of API's: use another pair"
    if not any(nodes.values()):
        raise NotKnown("no Horizon says which core node it has")
    return None


def _read_system(url: str) -> str:
    try:
        with psycopg.connect(url, connect_timeout=SECONDS) as connection:
            row = connection.execute(READ_SYSTEM).fetchone()
    except psycopg.OperationalError:
        raise NotKnown("the database does not answer") from None
    return "" if row is None else str(row[0])


def _read_node(url: str) -> str | None:
    """The key (G...) of the core node behind a Horizon gateway; None while it does not say."""
    try:
        answer = httpx2.get(f"{url}/v3/info", timeout=SECONDS, trust_env=False)
        return str(answer.json()["data"]["attributes"]["core"]["node_id"])
    except (httpx2.HTTPError, OSError, ValueError, KeyError, TypeError):
        return None
