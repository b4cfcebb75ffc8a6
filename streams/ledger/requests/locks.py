"""Which kinds of requests lock an amount of a balance while they stand, and how much."""

from collections.abc import Callable
from typing import Any

from schemas.generated.requests import AmlAlertRequest, RedemptionRequest, WithdrawalRequest
from streams.ledger.requests import aml_alert, redemption, withdrawal

LOCKS: dict[type, Callable[[Any], tuple[bytes, int]]] = {
    AmlAlertRequest: aml_alert.get_lock,
    RedemptionRequest: redemption.get_lock,
    WithdrawalRequest: withdrawal.get_lock,
}


def get_lock(body: Any) -> tuple[bytes, int] | None:
    """The balance and the amount that a request with this body locks."""
    get = LOCKS.get(type(body))
    return None if get is None else get(body)
