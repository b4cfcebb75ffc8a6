"""The service RateSync of one instance. Shell.

It asks its own providers, tells its peers what they agree on, and signs for a price that enough
instances, itself among them, have quoted.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from processors.psim.intents import Intent
from processors.psim.rates.agreement import Told, agree
from processors.psim.rates.settings import RatesSettings, read_pair
from processors.psim.rates.slots import PairSlots, compute_quote_hash, open_quote
from processors.psim.rates.watch import ProviderWatch
from processors.psim.signing.keys import KeySigner
from processors.psim.signing.rules import choose_signers
from processors.psim.view import LedgerView
from schemas.codec import Malformed
from schemas.generated.common import Hash, PublicKey
from schemas.generated.events import Evidence, SignedRateQuote

LATE_MAX_MS = 3_000
"""Missing quotes of peers are waited for so long after a slot's beginning, or for a third of it."""


class RatesService:
    """See `processors.psim.intents.Service`. `tell`: to all instances, itself included. `wake`:
    there is something new."""

    name = "rates"

    def __init__(
        self,
        settings: RatesSettings,
        key: KeySigner,
        get_view: Callable[[], LedgerView],
        tell: Callable[[str, SignedRateQuote], None],
        wake: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises `ConfigError`."""
        settings.check()
        self._settings = settings
        self._key = key
        self._get_view = get_view
        self._tell = tell
        self._wake = wake
        self._clock = clock
        self._slot_ms = settings.slot_s * 1000
        self._late_ms = min(LATE_MAX_MS, self._slot_ms // 3)
        terms = settings.get_terms()
        self.pairs = {
            name: PairSlots(*read_pair(name), terms, self._slot_ms) for name in settings.pairs
        }
        self.watches = [ProviderWatch(each, clock, self._is_known) for each in settings.providers]

    def _is_known(self, name: str) -> bool:
        return self._get_view().state.get_asset_pair(*read_pair(name)) is not None

    def consider(self, told: Evidence) -> None:
        """Prices are derived from quotes by everybody: nobody proposes any."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for watch in self.watches:
                group.create_task(watch.run())
            group.create_task(self._run_slots())

    async def _run_slots(self) -> None:
        while True:
            now_ms = int(self._clock() * 1000)
            await asyncio.sleep((self._slot_ms - now_ms % self._slot_ms) / 1000)
            self.quote()
            self._wake()
            await asyncio.sleep(self._late_ms / 1000)
            self._wake()

    def quote(self) -> None:
        """What providers agree on, as of the beginning of the slot that it is now."""
        now_ms = int(self._clock() * 1000)
        quoted_at_ms = now_ms - now_ms % self._slot_ms
        view, settings = self._get_view(), self._settings
        for name, pair in self.pairs.items():
            asked = [each for each in self.watches if name in each.pairs]
            told: list[Told] = [each.told[name] for each in asked if name in each.told]
            agreement = agree(
                [each.name for each in asked],
                told,
                now_ms,
                int(settings.fresh_s * 1000),
                settings.get_terms().band,
                settings.providers_to_agree,
            )
            content = pair.begin(view, quoted_at_ms, agreement)
            if content is not None:
                signature = self._key.sign(compute_quote_hash(view.network_id, content))
                signed = SignedRateQuote(content, self._key.public_key, signature)
                self._tell(name, signed)
                self.take(signed)

    def take(self, told: SignedRateQuote) -> None:
        """What an instance told; only signers of the shared account are heard."""
        view = self._get_view()
        if told.signer not in view.get_signers():
            return
        try:
            quote = open_quote(view.network_id, told)
        except Malformed:
            return
        pair = self.pairs.get(f"{quote.base}:{quote.quote}")
        if pair is not None:
            pair.take(told.signer, quote)
            self._wake()

    def get_intents(self, view: LedgerView) -> Mapping[Hash, Intent]:
        signers = view.get_signers()
        quoting = view.list_instances()

        def is_enough(keys: Sequence[PublicKey]) -> bool:
            return bool(choose_signers([signers[key] for key in keys]))

        is_late = int(self._clock() * 1000) % self._slot_ms >= self._late_ms
        intents: dict[Hash, Intent] = {}
        for pair in self.pairs.values():
            intents.update(pair.get_intents(view, quoting, is_enough, is_late=is_late))
        return intents

    def get_status(self) -> Mapping[str, Any]:
        view = self._get_view()
        return {
            "problems": [each.problem for each in self.pairs.values() if each.problem],
            "rates": [each.show(view) for each in self.pairs.values()],
            "providers": [
                {"provider": each.name, "is_resting": each.is_resting, "problems": each.problems}
                for each in self.watches
            ],
        }
