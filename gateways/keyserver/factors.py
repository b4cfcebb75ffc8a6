"""The second factor: codes of an authenticator (RFC 6238), each good once, and recovery codes.

It guards the envelope, not transactions: whoever has opened the envelope can sign without it.
"""

import secrets
from typing import Annotated

import msgspec
import pyotp
import segno

from gateways.http.problems import Problem
from gateways.keyserver import messages
from gateways.keyserver.limits import SECOND_FACTORS
from gateways.keyserver.names import get_code_lookup, name_totp
from gateways.keyserver.problems import SECOND_FACTOR_REQUIRED, SECOND_FACTOR_WRONG
from gateways.keyserver.service import KeyServer
from gateways.keyserver.wallets import Wallet, open_email

ISSUER = "tokend"
RECOVERY_CODES = 10
RECOVERY_BYTES = 16
STEPS_AROUND = 1  # of 30 s: clocks differ
TotpCode = Annotated[str, msgspec.Meta(pattern="^[0-9]{6}$")]
# The step must be later than the last one that was used: a code is good once.
USE_STEP = (
    "update keyserver.wallets set totp_step = %s where id = %s and totp_secret = %s"
    " and totp_step < %s returning 1"
)
USE_RECOVERY = (
    "delete from keyserver.recovery_codes where wallet = %s and code_lookup = %s returning 1"
)


async def require(keyserver: KeyServer, wallet: Wallet, code: str | None) -> None:
    """Raises Problem unless `code` is good; then it is used."""
    if code is None:
        raise Problem(SECOND_FACTOR_REQUIRED, "send the code of the authenticator")
    await keyserver.strict_counters.reserve(SECOND_FACTORS, str(wallet.id))
    if code.isascii() and code.isdecimal() and len(code) == 6:
        is_good = await _use_totp(keyserver, wallet, code)
    else:
        is_good = await _use_recovery(keyserver, wallet, code)
    if not is_good:
        await _warn(keyserver, wallet)
        raise Problem(SECOND_FACTOR_WRONG, "the code is wrong, over, or was used")
    await keyserver.strict_counters.release(SECOND_FACTORS, str(wallet.id))


def find_step(secret: bytes, code: str) -> int | None:
    """The time step of which `code` is, if it is one of these moments."""
    try:
        return pyotp.TOTP(secret.decode()).verify_and_get_timecode(code, valid_window=STEPS_AROUND)
    except pyotp.OTPVerificationError:
        return None


def make_secret() -> bytes:
    """160 bits, in base32."""
    return pyotp.random_base32().encode()


def make_uri(secret: bytes, email: str) -> str:
    """What authenticators read."""
    return pyotp.TOTP(secret.decode()).provisioning_uri(name=email, issuer_name=ISSUER)


def draw(uri: str) -> str:
    """The URI as a QR code, SVG."""
    return str(segno.make(uri, micro=False).svg_inline(scale=4, border=4))


def make_recovery_codes() -> list[str]:
    """As people write them down: 32 hexadecimal digits in groups."""
    codes = [secrets.token_hex(RECOVERY_BYTES) for _ in range(RECOVERY_CODES)]
    return ["-".join(code[at : at + 8] for at in range(0, len(code), 8)) for code in codes]


def normalise_code(text: str) -> str:
    """Without what people add: spaces, dashes, capitals."""
    return text.replace("-", "").replace(" ", "").strip().lower()


async def _use_totp(keyserver: KeyServer, wallet: Wallet, code: str) -> bool:
    if wallet.totp_secret is None:
        return False
    secret = keyserver.keks.unwrap(wallet.totp_secret, name_totp(wallet.id))
    step = find_step(secret, code)
    if step is None:
        return False
    values = (step, wallet.id, wallet.totp_secret, step)
    return bool(await keyserver.store.execute(USE_STEP, values))


async def _use_recovery(keyserver: KeyServer, wallet: Wallet, code: str) -> bool:
    lookup = get_code_lookup(keyserver.keks, wallet.id, normalise_code(code))
    if not await keyserver.store.execute(USE_RECOVERY, (wallet.id, lookup)):
        return False
    await _tell(keyserver, wallet, "recovery_code_used", None)
    return True


async def _warn(keyserver: KeyServer, wallet: Wallet) -> None:
    """The secret was right and the code was not: the owner hears of it, once a day."""
    token = f"factor-{wallet.id}-{messages.get_day()}"
    await _tell(keyserver, wallet, "second_factor_wrong", token)


async def _tell(keyserver: KeyServer, wallet: Wallet, event: str, token: str | None) -> None:
    email = open_email(keyserver.keks, wallet)
    letter = messages.write_notice(keyserver.outbox, email, wallet.locale, event, token=token)
    await keyserver.store.execute(messages.INSERT, letter)
