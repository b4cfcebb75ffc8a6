"""Who has lost all keys gets his account back by people's word, and his papers' keys after it."""

from typing import Any

import pytest

from gateways.client.errors import ProblemError
from gateways.client.keychain import KeyChainClient
from gateways.client.keys import get_address
from gateways.client.transactions import build_transaction, sign_transaction
from schemas.generated.common import AccessRule, Action, RequestResource, SignerData
from schemas.generated.operations import (
    CreateKycRecoveryRequest,
    CreateSignerRole,
    CreateSignerRule,
    InitiateKycRecovery,
    ManageKeyValue,
    ManageSignerRole,
    ManageSignerRule,
    PutKeyValue,
    U32Value,
    U64Value,
)
from tests.gateways.keychain.support import apply
from tests.gateways.kyc.support import HUMAN, Kyc
from tests.gateways.kyc.test_checker import make_png
from tests.gateways.support import wait_until
from tests.support.network import get_account, get_key, get_owner, get_public_key, review

pytestmark = pytest.mark.servers
LOST, TEMPORARY, RESTORED = "ines", "ines at the counter", "ines again"
ADDRESS = get_address(get_key(LOST))
KEYS = "select key_id from keychain.keys where owner = %s"


def arrange(kyc: Kyc) -> None:
    """The operator allows recoveries: by a role that may ask for one and nothing else."""
    world = kyc.apis.gateway.world
    resource = RequestResource("kyc_recovery", None, None, None, None, None)
    with kyc.apis.miner.lock:
        rule = AccessRule(resource, Action.CREATE, forbids=False)
        made = CreateSignerRule("ask-for-recovery", rule, b"", is_default=False, is_read_only=False)
        apply(world, "master", ManageSignerRule(made))
        counters = world.network.ledger.state.get_access_counters()
        role = CreateSignerRole("lost", (counters.signer_rule,), b"", None, is_read_only=False)
        apply(world, "master", ManageSignerRole(role))
        role_id = world.network.ledger.state.get_access_counters().signer_role
        for name, value in (
            ("kyc_recovery_enabled", U32Value(1)),
            ("kyc_recovery_signer_role", U64Value(role_id)),
            ("create_kyc_recovery_tasks", U32Value(HUMAN)),
        ):
            apply(world, "master", ManageKeyValue(name, PutKeyValue(value)))
        begin = InitiateKycRecovery(get_account(LOST), get_public_key(TEMPORARY))
        apply(world, "master", begin)


def ask(kyc: Kyc, *signers: SignerData) -> None:
    """By Horizon, signed by the temporary key."""
    body = CreateKycRecoveryRequest(0, signers, None, None)
    with kyc.open_horizon(TEMPORARY) as horizon:
        network_id = kyc.apis.gateway.world.network.network_id
        now_ms = horizon.get_network_time_ms()
        transaction = build_transaction(network_id, get_account(LOST), [body], now_ms)
        horizon.submit_until_final(sign_transaction(transaction, get_key(TEMPORARY)))


def wait_for(kyc: Kyc, state: str) -> Any:
    """The newest case, as the master sees it."""
    found: list[Any] = []

    def is_there() -> bool:
        found[:] = kyc.apis.get(f"/v1/accounts/{ADDRESS}/cases", "master")
        return bool(found) and found[0]["attributes"]["state"] == state

    wait_until(is_there, 60)
    return found[0]


def open_all(kyc: Kyc, name: str) -> int:
    """How many keys of the papers somebody gets. Raises ProblemError."""
    with KeyChainClient(kyc.keychains.urls[0], get_key(name)) as keychain:
        rows = kyc.keychains.query(KEYS, get_account(LOST))
        return len([keychain.open_key(key_id.hex()) for (key_id,) in rows])


def refuse(kyc: Kyc, name: str) -> str:
    with pytest.raises(ProblemError) as refused:
        open_all(kyc, name)
    return refused.value.kind


def test_a_recovery_waits_for_people_and_then_gives_the_keys(kyc: Kyc) -> None:
    kyc.add_person(LOST)
    kyc.hand_in(LOST, {"photo_id_front": make_png()})
    assert open_all(kyc, LOST) == 2
    arrange(kyc)
    assert refuse(kyc, LOST) == "not-found"  # the lost key is worth nothing from now on
    assert refuse(kyc, TEMPORARY) == "not-found"
    with kyc.run_process():
        ask(kyc, get_owner(RESTORED))
        case = wait_for(kyc, "SUBMITTED")
        assert case["attributes"]["kind"] == "kyc_recovery"
        assert case["attributes"]["pending_tasks"] == HUMAN
        assert refuse(kyc, RESTORED) == "not-found"
        with kyc.apis.miner.lock:
            network = kyc.apis.gateway.world.network
            apply(kyc.apis.gateway.world, "master", review(network, int(case["id"])))
        assert wait_for(kyc, "RECOVERED")["id"] == case["id"]
    assert open_all(kyc, RESTORED) == 2
    for name in (LOST, TEMPORARY):
        assert refuse(kyc, name) == "not-found"
