"""What was shown ends: reminders before, an event and another state afterwards."""

from datetime import UTC, datetime, timedelta

import pytest

from gateways.client.keys import get_address
from tests.gateways.kyc.support import Kyc
from tests.gateways.kyc.test_checker import make_png
from tests.gateways.support import wait_until
from tests.support.network import get_key

pytestmark = pytest.mark.servers
END = "update api.submissions set valid_until = current_date + %s where commitment = %s"


def test_people_are_reminded_and_the_case_expires(kyc: Kyc) -> None:
    email = "paul-expires@example.org"
    assert kyc.apis.register("paul", email).status_code in (201, 202)
    day = (datetime.now(UTC) + timedelta(days=200)).date().isoformat()
    address, account_id = get_address(get_key("paul")), bytes(get_key("paul").verify_key)
    wait_until(lambda: kyc.apis.send("GET", f"/v1/accounts/{address}/links", "paul").is_success)
    handed = kyc.hand_in("paul", {"photo_id_front": make_png()}, valid_until=day)
    kyc.ask("paul", handed)
    with kyc.run_process():
        kyc.wait_for_case("paul", state="APPROVED")
        told = "select kind from kyc.events where account_id = %s and kind like 'EXPIR%%'"
        assert kyc.query(told, account_id) == []
        kyc.apis.query(END, 6, handed.commitment)
        wait_until(lambda: kyc.query(told, account_id) == [("EXPIRING",)], 60)
        assert "6" in kyc.apis.wait_for_letter(email)
        kyc.apis.query(END, 0, handed.commitment)
        kyc.wait_for_case("paul", state="EXPIRED")
        events = "select kind, codes from kyc.events where commitment = %s order by at_ms"
        kinds = [row for row in kyc.query(events, handed.commitment) if row[0] != "SUBMITTED"]
    assert kinds == [("CHECKED", ""), ("EXPIRING", "DAYS_7"), ("EXPIRED", "")]
