"""Reads that rules allow: auditors and services, narrow rules, ends; roles and rules themselves."""

import time
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import (
    AccessRule,
    Action,
    BalanceResource,
    RequestResource,
    TransactionResource,
)
from schemas.generated.operations import (
    CreateAccountRole,
    CreateAccountRule,
    CreateChangeRoleRequest,
    CreateSigner,
    CreateSignerRole,
    CreateSignerRule,
    ManageAccountRole,
    ManageAccountRule,
    ManageSigner,
    ManageSignerRole,
    ManageSignerRule,
    ReviewAction,
)
from schemas.strkey import encode_account_id, encode_balance_id
from streams.ledger.access.beginning import ACCOUNT_RULES, DEFAULT_SIGNER_RULES, SIGNER_RULES
from streams.ledger.values import SERVICE_SIGNER_ROLE
from tests.gateways.support import Gateway
from tests.support.network import (
    ISSUER_ROLE,
    create_account,
    create_asset,
    create_balance,
    get_account,
    get_owner,
    issue,
    review,
)

ALICE = encode_account_id(get_account("alice"))
ISSUER = encode_account_id(get_account("issuer"))
READ_EUR = AccessRule(BalanceResource("EUR", None), Action.READ, forbids=False)
READ_NEW_ASSETS = AccessRule(
    RequestResource("create_asset", None, None, None, None, None), Action.READ, forbids=False
)
READ_TRANSACTIONS = AccessRule(TransactionResource(), Action.READ, forbids=False)
RULES = (READ_EUR, READ_NEW_ASSETS, READ_TRANSACTIONS)
ACCOUNT_RULE = len(ACCOUNT_RULES) + 2  # make_economy has made one
SIGNER_RULE = len(SIGNER_RULES) + len(DEFAULT_SIGNER_RULES) + 1
AUDITOR, AUDITOR_SIGNER = ISSUER_ROLE + 1, 5
RETIRED, RETIRED_SIGNER = AUDITOR + 1, AUDITOR_SIGNER + 1


@pytest.fixture(scope="module", autouse=True)
def auditors(gateway: Gateway) -> None:
    """An auditor of EUR; one whose role has ended; a service of the master's; a request."""
    world = gateway.world
    ended = int(time.time() * 1000) - 1
    for number, rule in enumerate(RULES):
        account_rule = CreateAccountRule(f"read-{number}", rule, b"", is_read_only=False)
        signer_rule = CreateSignerRule(
            f"read-{number}", rule, b"", is_read_only=False, is_default=False
        )
        world.apply("master", ManageAccountRule(account_rule), ManageSignerRule(signer_rule))
    account_rules = tuple(range(ACCOUNT_RULE, ACCOUNT_RULE + len(RULES)))
    signer_rules = tuple(range(SIGNER_RULE, SIGNER_RULE + len(RULES)))
    for name, end in (("auditor", None), ("retired", ended)):
        account_role = CreateAccountRole(
            name, account_rules, b"", end, is_read_only=False, pays_for_operations=False
        )
        signer_role = CreateSignerRole(name, signer_rules, b"", None, is_read_only=False)
        world.apply("master", ManageAccountRole(account_role), ManageSignerRole(signer_role))
    for name, role, signer_role_id in (
        ("auditor", AUDITOR, AUDITOR_SIGNER),
        ("retired", RETIRED, RETIRED_SIGNER),
    ):
        signer = replace(get_owner(name), role_id=signer_role_id)
        world.apply("master", replace(create_account(name, role), signers=(signer,)))
    service = replace(get_owner("service"), role_id=SERVICE_SIGNER_ROLE)
    world.apply("master", ManageSigner(CreateSigner(service)))
    world.apply("issuer", create_asset("WEI", digits=18))
    world.apply("alice", create_balance("alice", "WEI"))
    world.apply("issuer", create_asset("USD", tasks=16))
    world.apply("issuer", create_asset("CHF", tasks=48))
    world.apply("master", review(world.network, 6, ReviewAction.REJECT))
    issuance = issue(world.network, "alice", "EUR", 7, "awaited")
    world.apply("issuer", replace(issuance, all_tasks=16))
    world.apply("master", CreateChangeRoleRequest(0, get_account("alice"), AUDITOR, None, 16))


def ask(gateway: Gateway, name: str, path: str, **query: str) -> Any:
    given = {f"filter[{key}]": value for key, value in query.items()}
    return gateway.stranger.get(path, params=given, auth=gateway.sign_as(name))


def get_balance_path(gateway: Gateway, asset: str) -> str:
    balance_id = gateway.world.network.get_balance_id("alice", asset)
    return f"/v3/balances/{encode_balance_id(balance_id)}"


def test_an_auditor_reads_what_the_rules_name_and_no_more(gateway: Gateway) -> None:
    assert ask(gateway, "auditor", "/v3/balances", asset="EUR").status_code == 200
    assert ask(gateway, "auditor", "/v3/balances", asset="WEI").status_code == 403
    assert ask(gateway, "auditor", "/v3/balances").status_code == 403
    assert ask(gateway, "auditor", get_balance_path(gateway, "EUR")).status_code == 200
    assert ask(gateway, "auditor", get_balance_path(gateway, "WEI")).status_code == 404
    assert ask(gateway, "auditor", f"/v3/accounts/{ALICE}").status_code == 404
    assert ask(gateway, "auditor", "/v3/operations").status_code == 200
    assert ask(gateway, "auditor", "/v3/requests", kind="create_asset").status_code == 200
    assert ask(gateway, "auditor", "/v3/requests").status_code == 403
    assert ask(gateway, "auditor", "/v3/requests/5").status_code == 200


def test_a_role_that_has_ended_reads_nothing(gateway: Gateway) -> None:
    assert ask(gateway, "retired", "/v3/balances", asset="EUR").status_code == 403
    assert ask(gateway, "retired", get_balance_path(gateway, "EUR")).status_code == 404


def test_a_service_that_signs_for_the_master_reads_only_what_its_role_allows(
    gateway: Gateway,
) -> None:
    assert ask(gateway, "master", "/v3/balances").status_code == 200
    assert ask(gateway, "service", "/v3/balances").status_code == 403
    assert ask(gateway, "service", f"/v3/accounts/{ALICE}").status_code == 404


def test_requests_are_found_by_state_and_tasks(gateway: Gateway) -> None:
    def find(**query: str) -> list[tuple[str, str, int]]:
        found = ask(gateway, "issuer", "/v3/requests", requestor=ISSUER, **query).json()["data"]
        return [
            (each["id"], each["attributes"]["state"], each["attributes"]["pending_tasks"])
            for each in found
        ]

    pending, rejected, issuance = ("5", "PENDING", 16), ("6", "REJECTED", 48), ("7", "PENDING", 16)
    assert set(find(state="PENDING")) == {pending, issuance}
    assert set(find(pending_tasks="16")) == {pending, rejected, issuance}
    assert find(pending_tasks="48") == [rejected]
    assert find(pending_tasks_any_of="32") == [rejected]
    assert pending in find(pending_tasks_not_set="32")
    assert find(asset="CHF", kind="create_asset") == [rejected]
    [shown] = ask(gateway, "issuer", "/v3/requests", requestor=ISSUER, asset="CHF").json()["data"]
    made, changed = (shown["attributes"][name] for name in ("created_at", "changed_at"))
    assert made < changed
    assert rejected in find(changed_after=changed[:19] + "Z", asset="CHF")
    assert find(created_before=made[:19] + "Z", asset="CHF") == []
    assert ("1", "APPROVED", 0) in find(state="APPROVED")


def test_requests_are_found_by_what_they_name(gateway: Gateway) -> None:
    def find(**details: str) -> list[str]:
        given = {f"request_details.{name}": value for name, value in details.items()}
        found = ask(gateway, "master", "/v3/requests", state="PENDING", **given)
        return [each["id"] for each in found.json()["data"]]

    mine, other = (
        encode_balance_id(gateway.world.network.get_balance_id("alice", asset))
        for asset in ("EUR", "WEI")
    )
    assert find(balance=mine) == ["7"]
    assert find(balance=other) == []
    assert find(destination_account=ALICE) == ["8"]
    assert find(destination_balance=mine) == []
    assert find(account_role_to_set=str(AUDITOR)) == ["8"]
    assert find(account_role_to_set=str(RETIRED)) == []


def test_a_request_says_what_it_asks_for(gateway: Gateway) -> None:
    shown = ask(gateway, "issuer", "/v3/requests/6").json()["data"]
    entry = shown["attributes"]["entry"]
    assert entry["body"]["asset"]["code"] == "CHF"
    assert entry["reject_reason"] == "not like this"
    assert shown["relationships"]["requestor"]["data"]["id"] == ISSUER
    at_once = ask(gateway, "issuer", "/v3/requests/1").json()["data"]["attributes"]
    assert (at_once["state"], at_once["entry"]) == ("APPROVED", None)


def test_roles_and_rules_are_public(gateway: Gateway) -> None:
    role = gateway.get("/v3/account-roles/1")["data"]
    assert (role["id"], role["attributes"]["entry"]["name"]) == ("1", "master")
    rules = gateway.get("/v3/account-rules", {"page[limit]": "200", "order": "asc"})["data"]
    assert [each["attributes"]["entry"]["name"] for each in rules][:2] == [
        "anything",
        "send-transactions",
    ]
    assert gateway.get("/v3/signer-roles/2")["data"]["attributes"]["entry"]["name"] == "owner"
    [default] = gateway.get("/v3/default-signer-rules")["data"]
    assert default["attributes"]["entry"]["exempt_role_ids"] == ["1", "2"]
