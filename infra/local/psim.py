"""PSIM's rows: three instances, each with a key and a chain endpoint of its own, and the ledger
accounts that they sign for.

The keys are made here; what they mean on the ledger is arranged by `infra.local.custody`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nacl.utils import random

from gateways.client import keys
from infra.chains.nodes import (
    BITCOIN,
    BITCOIN_CHAIN_ID,
    ETHEREUM,
    ETHEREUM_CHAIN_ID,
    RPC_USER,
)
from infra.local.place import Place
from infra.local.rows import Program, Service
from infra.local.sandbox import get_banks_settings, get_rates_settings
from schemas.strkey import encode_seed
from schemas.topics import Role

PSIM = "psim"
PSIMS = {"psim1": "core1", "psim2": "core2", "psim3": "core3"}  # each follows another node
SOURCE, SUSPENSE = "psim.source", "psim.suspense"
"""Accounts: the shared one, which owns the assets of chains, and the one of parked deposits."""

PROGRAM = Program(
    settings="processors.psim.settings:PsimSettings",
    run="processors.psim.app:main",
    role=Role.PSIM,
)


RECOVERY = "psim.recovery"
"""Who holds the keys to the hot and the deposit wallets that are kept offline."""
COLD = ("psim.cold1", "psim.cold2", "psim.cold3")
"""Who hold the keys to the cold wallets, all of them offline."""
ATTESTORS, ATTESTOR_KEYS = "psim.attestors", ("psim.attestor1", "psim.attestor2", "psim.attestor3")
"""People's account, and who signs for it: two of three say what came of a payout at a bank."""
APIS = ("api1", "api2")
BATCH_S = 1.0
BITCOIN_CONFIRMATIONS, POLL_S = 3, 1.0  # of test chains


def prepare(place: Place) -> None:
    """Makes keys at the first start."""
    people = (RECOVERY, *COLD, ATTESTORS, *ATTESTOR_KEYS)
    for name in (SOURCE, SUSPENSE, *people, *PSIMS, *map(get_cosigner, PSIMS)):
        get_seed_file(place, name)
    for name in (*PSIMS, RECOVERY, *COLD):
        get_chain_seed(place, name)
    for name in PSIMS:
        get_gas_file(place, name)
    get_token_file(place)
    get_payout_token_file(place)


def get_cosigner(name: str) -> str:
    """The account from which an instance signs external transfers."""
    return f"{name}.cosigner"


def get_seed_file(place: Place, name: str) -> Path:
    return place.get_secret_file(f"{name}.seed", lambda: encode_seed(random(32)))


def get_chain_seed(place: Place, name: str) -> bytes:
    """What the keys that it holds to the wallets on chains are derived from."""
    return bytes.fromhex(get_chain_seed_file(place, name).read_text().strip())


def get_chain_seed_file(place: Place, name: str) -> Path:
    return place.get_secret_file(f"{name}.chains", lambda: random(32).hex())


def get_gas_file(place: Place, name: str) -> Path:
    """The key whose coins pay for what an instance deploys on Ethereum."""
    return place.get_secret_file(f"{name}.gas", lambda: random(32).hex())


def get_chains(place: Place, name: str) -> list[Mapping[str, Any]]:
    """The test chains, as an instance reaches them."""
    return [
        {
            "id": BITCOIN_CHAIN_ID,
            "url": place.get_private_url(BITCOIN),
            "user": RPC_USER,
            "password_file": str(place.get_secret_file(f"{BITCOIN}.rpc")),
            "confirmations": BITCOIN_CONFIRMATIONS,
        },
        {
            "id": ETHEREUM_CHAIN_ID,
            "url": place.get_private_url(ETHEREUM),
            "deployer_key_file": str(get_gas_file(place, name)),
        },
    ]


def get_token_file(place: Place) -> Path:
    return place.get_secret_file("psim.token", lambda: random(24).hex())


def get_payout_token_file(place: Place) -> Path:
    """API tells who bears it whom a bank shall pay."""
    return place.get_secret_file("psim.payouts", lambda: random(24).hex())


def get_address(place: Place, name: str) -> str:
    """The G... key of a seed."""
    return keys.get_address(keys.read_seed(get_seed_file(place, name).read_text()))


def describe(place: Place) -> Mapping[str, Any]:
    """For endpoints.json: where instances are asked, and the keys that they and their accounts
    have on the ledger."""
    return {
        "urls": {name: place.get_url(f"{name}.http") for name in PSIMS},
        "token_file": str(get_token_file(place)),
        "source": get_address(place, SOURCE),
        "suspense": get_address(place, SUSPENSE),
        "signers": {name: get_address(place, name) for name in PSIMS},
        "cosigners": {name: get_address(place, get_cosigner(name)) for name in PSIMS},
        "offline": {name: _describe_holder(place, name) for name in (RECOVERY, *COLD)},
        "attestors": {
            "account": get_address(place, ATTESTORS),
            "seed_files": [str(get_seed_file(place, name)) for name in ATTESTOR_KEYS],
        },
        "chains": {BITCOIN: BITCOIN_CHAIN_ID, ETHEREUM: ETHEREUM_CHAIN_ID},
    }


def _describe_holder(place: Place, name: str) -> Mapping[str, Any]:
    """Files that belong on machines without a network."""
    return {
        "account": get_address(place, name),
        "seed_file": str(get_seed_file(place, name)),
        "wallet_seed_file": str(get_chain_seed_file(place, name)),
    }


def make_row(
    name: str, feed: Mapping[str, Any], reads_from: Mapping[str, tuple[str, ...]]
) -> Service:
    """`feed`: which ledger it follows, as functions of the place."""
    return Service(
        name=name,
        tier=PSIM,
        program="psim",
        get_settings=lambda place: {
            **{key: get(place) for key, get in feed.items()},
            "name": name,
            "kafka": place.get_kafka_settings(name),
            "seed_file": str(get_seed_file(place, name)),
            "source": get_address(place, SOURCE),
            "suspense": get_address(place, SUSPENSE),
            "services": ["deposit", "withdraw", "funnel", "reserves", "rates"],
            "cosigner_seed_file": str(get_seed_file(place, get_cosigner(name))),
            "wallet_seed_file": str(get_chain_seed_file(place, name)),
            "chains": get_chains(place, name),
            "banks": get_banks_settings(place),
            "payees": {
                "urls": [place.get_private_url(f"{each}.private") for each in APIS],
                "token_file": str(get_payout_token_file(place)),
            },
            "rates": get_rates_settings(place),
            "poll_s": POLL_S,
            "batch_s": BATCH_S,
            "http": {
                "listen": place.get_address(f"{name}.http"),
                "token_file": str(get_token_file(place)),
            },
        },
        reads_from=reads_from,
        health_path="/ready",
        status_path="/status",
        get_token=lambda place: get_token_file(place).read_text().strip(),
    )
