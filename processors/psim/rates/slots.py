"""One pair as one instance follows it: its own quotes and those of its peers, slot by slot. Pure.

A slot is an interval of the clock that all instances divide time into. The clock decides when an
instance quotes; the price is of the slot's beginning, which all of them name alike.
"""

from collections import deque
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from processors.psim.intents import Intent
from processors.psim.rates.agreement import Agreement
from processors.psim.rates.numbers import NoPrice, is_within, make_price, read_price
from processors.psim.rates.rules import OwnQuote, Terms, is_jump, make_intents, read_current
from processors.psim.view import LedgerView
from schemas.codec import Malformed, decode, encode
from schemas.generated.common import U64, Hash, PublicKey
from schemas.generated.entries import AssetPair
from schemas.generated.events import ProviderQuote, ProviderStand, RateQuote, SignedRateQuote
from streams.ledger.hashes import compute_hash
from streams.ledger.signatures import is_valid_signature

DOMAIN = b"tokend-rate-quote"
ROUNDS_SHOWN = 20
PEERS_MAX = 64


class Round(NamedTuple):
    """A slot as this instance saw it, for people."""

    quoted_at_ms: int
    price: str | None
    agree: list[str]
    outside: list[str]
    stale: list[str]
    silent: list[str]


def compute_quote_hash(network_id: Hash, quote: bytes) -> Hash:
    """What is signed."""
    return compute_hash(DOMAIN + network_id + quote)


def open_quote(network_id: Hash, told: SignedRateQuote) -> RateQuote:
    """Raises `Malformed` also where the signature is false."""
    quote = decode(RateQuote, told.rate_quote)
    message = compute_quote_hash(network_id, told.rate_quote)
    if not is_valid_signature(told.signer, message, told.signature):
        raise Malformed("the signature of a rate's quote is false")
    return quote


class PairSlots:
    """`problem`: why the last slot gave no price here; empty if it did."""

    def __init__(self, base: str, quote: str, terms: Terms, slot_ms: int) -> None:
        self.base, self.quote = base, quote
        self._terms = terms
        self._slot_ms = slot_ms
        self._quotes: dict[int, dict[PublicKey, Fraction]] = {}
        self._level: Fraction | None = None
        self._steady = 0
        self.own: OwnQuote | None = None
        self.problem = ""
        self.rounds: deque[Round] = deque(maxlen=ROUNDS_SHOWN)

    @property
    def name(self) -> str:
        return f"{self.base}:{self.quote}"

    def begin(self, view: LedgerView, quoted_at_ms: int, agreement: Agreement) -> bytes | None:
        """The next slot, with what providers agree on at its beginning. The bytes of the quote that
        is told to peers; None: the ledger does not know the pair yet."""
        digits = _find_digits(view, self.base, self.quote)
        pair = view.state.get_asset_pair(self.base, self.quote)
        if digits is None or pair is None:
            self.own, self.problem = None, ""
            return None
        self._note_round(quoted_at_ms, agreement)
        quote = self._make_quote(quoted_at_ms, agreement, digits)
        price = None if quote.price is None else read_price(quote.price)
        self._note_own(quoted_at_ms, price)
        self.problem = self._find_problem(pair, agreement)
        for each in [slot for slot in self._quotes if slot < quoted_at_ms - self._slot_ms]:
            del self._quotes[each]
        return encode(quote)

    def _note_own(self, quoted_at_ms: int, price: Fraction | None) -> None:
        """A slot without a price, or one that was left out, begins the count of steady ones anew.
        The level is the first price: a slow drift does not count as agreement about one."""
        if price is None:
            self.own, self._level, self._steady = None, None, 0
            return
        before = self.own
        follows = before is not None and before.quoted_at_ms + self._slot_ms == quoted_at_ms
        level = self._level
        if follows and level is not None and is_within(price, level, self._terms.band):
            self._steady += 1
        else:
            self._level, self._steady = price, 1
        self.own = OwnQuote(quoted_at_ms, price, self._steady)

    def _make_quote(
        self, quoted_at_ms: int, agreement: Agreement, digits: tuple[int, int]
    ) -> RateQuote:
        def convert(ratio: Fraction | None) -> Any:
            try:
                return None if ratio is None else make_price(ratio, *digits)
            except NoPrice:
                return None

        providers = tuple(
            ProviderQuote(name, stand, convert(agreement.prices.get(name)))
            for name, stand in sorted(agreement.stands.items())
        )
        price = convert(agreement.price)
        return RateQuote(self.base, self.quote, U64(quoted_at_ms), price, providers)

    def _find_problem(self, pair: AssetPair, agreement: Agreement) -> str:
        if self.own is not None:
            if is_jump(pair, self.own.price):
                return f"{self.name}: held: the price lies beyond the step of the last"
            return ""
        if agreement.price is not None:
            return f"{self.name}: the ledger cannot hold the price"
        outside = ", ".join(agreement.list(ProviderStand.OUTSIDE)) or "none"
        missing = [
            *agreement.list(ProviderStand.STALE),
            *agreement.list(ProviderStand.SILENT),
        ]
        away = ", ".join(sorted(missing)) or "none"
        return f"{self.name}: too few providers agree; outside: {outside}; stale or silent: {away}"

    def _note_round(self, quoted_at_ms: int, agreement: Agreement) -> None:
        price = agreement.price
        shown = None if price is None else f"{price.numerator}/{price.denominator}"
        stands = (agreement.list(each) for each in ProviderStand)
        self.rounds.append(Round(quoted_at_ms, shown, *stands))

    def take(self, signer: PublicKey, quote: RateQuote) -> None:
        """A peer's quote, or one's own that comes back; the first of a slot counts. A peer may be a
        little ahead."""
        newest = self.own.quoted_at_ms if self.own is not None else quote.quoted_at_ms
        is_near = abs(quote.quoted_at_ms - newest) <= 2 * self._slot_ms
        if quote.price is None or not is_near or quote.quoted_at_ms % self._slot_ms:
            return
        held = self._quotes.setdefault(int(quote.quoted_at_ms), {})
        try:
            if len(held) < PEERS_MAX:
                held.setdefault(signer, read_price(quote.price))
        except NoPrice:
            return

    def get_intents(
        self,
        view: LedgerView,
        signers: Sequence[PublicKey],
        is_enough: Callable[[Sequence[PublicKey]], bool],
        *,
        is_late: bool,
    ) -> dict[Hash, Intent]:
        """`signers`: who may quote; `is_late`: those who have not are not waited for any more."""
        pair = view.state.get_asset_pair(self.base, self.quote)
        if pair is None or self.own is None:
            return {}
        if self.name in view.price_changes.values() and is_jump(pair, self.own.price):
            return {}  # people decide
        held = self._quotes.get(self.own.quoted_at_ms, {})
        quotes = {key: held[key] for key in signers if key in held}
        is_offering = is_late or len(quotes) == len(signers)
        return make_intents(pair, self.own, quotes, self._terms, is_enough, is_offering=is_offering)

    def show(self, view: LedgerView) -> dict[str, Any]:
        """For operators."""
        pair = view.state.get_asset_pair(self.base, self.quote)
        held = {} if self.own is None else self._quotes.get(self.own.quoted_at_ms, {})
        return {
            "pair": self.name,
            "round": None if pair is None else int(pair.round),
            "price": None if pair is None else show_ratio(read_current(pair)),
            "quoted_at_ms": None if pair is None else int(pair.quoted_at_ms),
            "own": None if self.own is None else show_ratio(self.own.price),
            "steady": self._steady,
            "instances": len(held),
            "problem": self.problem,
            "rounds": [each._asdict() for each in self.rounds],
        }


def show_ratio(ratio: Fraction) -> str:
    """Of smallest units, exact."""
    return f"{ratio.numerator}/{ratio.denominator}"


def _find_digits(view: LedgerView, base: str, quote: str) -> tuple[int, int] | None:
    known = [view.assets.get(code) for code in (base, quote)]
    if None in known:
        return None
    first, second = (each.trailing_digits for each in known if each is not None)
    return first, second
