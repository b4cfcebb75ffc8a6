"""A platform file against a live gateway: planned, applied in stages, idempotent, exported."""

from typing import Any

import pytest

from gateways.client.documents import read_transaction
from gateways.client.errors import ClientError
from gateways.client.horizon import HorizonClient
from gateways.client.platform.changes import CHANGE, CREATE, DRIFT, Change
from gateways.client.platform.file import read_platform, write_platform
from gateways.client.platform.live import read_live
from gateways.client.platform.plan import make_plan
from schemas.strkey import encode_account_id
from tests.gateways.support import Gateway
from tests.support.network import get_account, get_public_key

PREISSUER = encode_account_id(get_public_key("pre-issuer"))
FILE = f"""
[account_rules.pay-in-euros]
resource = {{ type = "asset_resource", asset = "EUR" }}
action = "SEND"
details = {{ why = "a test" }}

[account_roles.unverified]
rules = ["send-transactions", "pay-in-euros"]

[signer_rules.no-withdrawals]
resource = {{ type = "asset_resource" }}
action = "WITHDRAW"
forbids = true
is_default = true

[signer_roles.cashier]
rules = ["anything"]

[key_values]
asset_create_tasks = 0
"account_role:unverified" = {{ account_role = "unverified" }}
motto = "money is an integer"

[assets.CHF]
decimals = 2
max_issuance = "1000.00"
preissuer = "{PREISSUER}"
policies = ["TRANSFERABLE", "WITHDRAWABLE"]

[[fees]]
asset = "CHF"
type = "PAYMENT"
subtype = 1
role = "unverified"
ranges = [{{ lower = "0", upper = "100.00", fixed = "0.10", percent = 1000000 }}]

[[limits]]
kind = "SPEND"
asset = "CHF"
role = "unverified"
daily = "10.00"
weekly = "20.00"
monthly = "30.00"
annual = "40.00"

[policies."issuance:CHF"]
ranges = [{{ lower = "100.00", reviewers = 2, delay_ms = 60000 }}]
"""


def get_client(gateway: Gateway) -> HorizonClient:
    return HorizonClient(gateway.url)


def plan(gateway: Gateway, text: str) -> list[Change]:
    with get_client(gateway) as client:
        return make_plan(read_platform(text), read_live(client))


def get_lines(changes: list[Change]) -> list[tuple[str, str]]:
    return [(each.sign, each.what) for each in changes if each.sign != DRIFT]


def apply_next_stage(gateway: Gateway, text: str) -> list[Change]:
    """As `tokend apply` does; what it applied."""
    changes = [each for each in plan(gateway, text) if each.operation is not None]
    stage = [each for each in changes if each.stage == changes[0].stage] if changes else []
    if stage:
        network = gateway.world.network
        now_ms = network.ledger.header.close_time_ms
        document = {
            "source_account": encode_account_id(get_account("master")),
            "operations": [{"body": each.operation} for each in stage],
        }
        with get_client(gateway) as client:
            transaction = read_transaction(document, network.network_id, now_ms, client)
        gateway.world.apply("master", *(each.body for each in transaction.operations))
    return stage


def apply(gateway: Gateway, text: str) -> int:
    """How many changes it took."""
    count = 0
    while True:
        stage = apply_next_stage(gateway, text)
        if not stage:
            return count
        count += len(stage)


def test_a_file_is_applied_once_and_changes_what_it_says(gateway: Gateway) -> None:
    planned = get_lines(plan(gateway, FILE))
    assert (CREATE, "account role unverified") in planned
    assert (CREATE, "fee PAYMENT 1 of CHF for unverified") in planned
    assert "key value asset_create_tasks" not in [what for _, what in planned]
    assert apply(gateway, FILE) == len(planned)
    assert get_lines(plan(gateway, FILE)) == []
    with get_client(gateway) as client:
        live = read_live(client)
    role = live.accounts.roles["unverified"]
    assert live.accounts.get_rule_names(role) == {"send-transactions", "pay-in-euros"}
    assert live.key_values["account_role:unverified"]["value"] == role["role_id"]
    assert "no-withdrawals" in live.default_rules
    assert live.assets["CHF"]["max_issuance_amount"] == "1000.00"
    [limits] = live.limits
    assert limits["limits"][0]["amounts"]["weekly"] == "20.00"
    assert live.policies["issuance:CHF"]["ranges"][0]["terms"]["reviewers"] == 2
    changed = FILE.replace('"send-transactions", "pay-in-euros"', '"send-transactions"').replace(
        'fixed = "0.10"', 'fixed = "0.20"'
    )
    assert get_lines(plan(gateway, changed)) == [
        (CHANGE, "account role unverified"),
        (CREATE, "fee PAYMENT 1 of CHF for unverified"),
    ]
    assert apply(gateway, changed) == 2
    assert get_lines(plan(gateway, changed)) == []


def test_what_the_file_has_not_is_drift(gateway: Gateway) -> None:
    changes = plan(gateway, '[assets.EUR]\ndecimals = 2\nmax_issuance = "1"\npreissuer = "G"\n')
    drift = {each.what: each.text for each in changes if each.sign == DRIFT}
    assert drift["account role general"] == "is not in the file"
    assert drift["asset EUR"].startswith("differs")
    assert all(each.operation is None for each in changes)


def test_an_export_says_what_there_is(gateway: Gateway) -> None:
    apply(gateway, FILE)
    with get_client(gateway) as client:
        text = write_platform(read_live(client))
    assert plan(gateway, text) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[", "TOML"),
        ("[roles]\n", "roles"),
        ("[account_rules.x]\nresource = 1\n", "account_rules.x"),
        ('[account_rules.x]\nresource = {type = "any_resource"}\naction = "FLY"\n', "action"),
        ('[account_roles.x]\nrule = "anything"\n', "account_roles.x"),
        ('[account_roles.x]\nrules = ["nothing"]\n', "account role x"),
        ("[key_values]\nx = 1.5\n", "key_values.x"),
        ('[key_values]\nx = {account_role = "nobody"}\n', "key_values.x"),
        ("[assets.X]\ndecimals = 2\n", "assets.X"),
        ("[fees]\n", "fees"),
        ('[[limits]]\nkind = "SPEND"\n', "limits, number 1"),
        ('[policies.issuance]\nranges = [{ lower = "1" }]\n', "policies.issuance"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(gateway: Gateway, text: str, place: str) -> None:
    with pytest.raises(ClientError) as raised:
        plan(gateway, text)
    assert place in str(raised.value)


def test_documents_are_the_contract_s(gateway: Gateway) -> None:
    """Every operation of a plan is read by the same parser as a file of `tx build`."""
    operations: list[Any] = [each.operation for each in plan(gateway, FILE.replace("CHF", "JPY"))]
    assert {each["type"] for each in operations if each} <= {
        "manage_account_rule",
        "manage_account_role",
        "manage_signer_rule",
        "manage_signer_role",
        "manage_key_value",
        "manage_asset",
        "set_fees",
        "manage_limits",
        "manage_approval_policy",
    }
