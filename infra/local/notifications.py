"""The Notificator's settings in a deployment: mail to the local catcher, alarms from health pages.

Whose addresses are known stands in one file, until there is a service that knows them.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nacl.utils import random

from infra.local.folders import write_private
from infra.local.place import Place
from infra.local.rows import Service, Table
from schemas.topics import RECEIPTS_TOPIC, get_intake_topics

DATABASE = "notificator"
SENDER = "tokend <noreply@tokend.example>"
OPERATORS = "operators@tokend.example"
API = "api1"
DEMO = "demo"
"""The port on which a demonstration may take webhooks and play a provider of e-mail."""


def prepare(place: Place) -> None:
    """Makes keys and an empty book of addresses at the first start."""
    get_token_file(place)
    _get_key_file(place)
    place.get_port(f"{DEMO}.http")
    contacts = get_contacts_file(place)
    if not contacts.exists():
        write_private(contacts, b"{}\n")


def get_contacts_file(place: Place) -> Path:
    return place.folder.config / "contacts.json"


def get_token_file(place: Place) -> Path:
    return place.get_secret_file("notificator.token", lambda: random(24).hex())


def _get_key_file(place: Place) -> Path:
    return place.get_secret_file("notificator.key", lambda: random(32).hex())


def describe(place: Place, names: tuple[str, ...]) -> Mapping[str, Any]:
    """For endpoints.json."""
    return {
        "urls": [place.get_url(f"{name}.http") for name in names],
        "token_file": str(get_token_file(place)),
        "contacts_file": str(get_contacts_file(place)),
        "demo": place.get_published(f"{DEMO}.http"),
    }


def get_settings(place: Place, name: str, cores: tuple[str, ...]) -> Mapping[str, Any]:
    """All but what says which ledger it follows. Every service but `name` itself is watched."""
    demo = place.get_published(f"{DEMO}.http")
    mail_host, _, mail_port = place.get_address("mail").rpartition(":")
    return {
        "name": name,
        "kafka": place.get_kafka_settings(name),
        "database": {"url": place.get_database_url(DATABASE)},
        "key_file": str(_get_key_file(place)),
        "http": {
            "listen": place.get_address(f"{name}.http"),
            "token_file": str(get_token_file(place)),
        },
        "contacts_file": str(get_contacts_file(place)),
        "intake_topics": list(get_intake_topics()),
        "receipts_topic": RECEIPTS_TOPIC,
        "email": {"sender": SENDER, "providers": ["smtp"], **_get_unsubscribe(place)},
        "smtp": {"host": mail_host, "port": int(mail_port), "security": "none"},
        "webhooks": {"allowed": [] if demo is None else [demo]},
        "operators": {"email": OPERATORS},
        "alarms": {
            "nodes": {core: f"{place.get_private_url(f'{core}.http')}/health" for core in cores},
            "services": {
                each: f"{place.get_private_url(f'{each}.http')}/health"
                for each in place.watched
                if each not in (name, *cores)
            },
            "folders": place.get_watched_folders(),
        },
    }


def _get_unsubscribe(place: Place) -> Mapping[str, str]:
    """Where API runs, people end messages by its page."""
    if API not in place.watched:
        return {}
    return {"unsubscribe_url": f"{place.get_url(f'{API}.http')}/v1/unsubscribe"}


def add_failing_provider(table: Table) -> Table:
    """For a demonstration: the first provider of e-mail is Mailgun, played at the port `DEMO`."""

    def change(service: Service) -> Service:
        if service.program != "notificator":
            return service

        def get_demo_settings(place: Place) -> Mapping[str, Any]:
            mailgun = {
                "domain": "tokend.example",
                "url": f"http://{place.get_address(f'{DEMO}.http')}",
            }
            settings = service.get_settings(place)
            return {
                **settings,
                "email": {**settings["email"], "providers": ["mailgun", "smtp"]},
                "mailgun": {**mailgun, "api_key": "none"},
            }

        return replace(service, get_settings=get_demo_settings)

    return replace(table, services=tuple(map(change, table.services)))
