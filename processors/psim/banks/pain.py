"""Payment files: writes pain.001 (customer credit transfer initiation) of one payout, and reads
pain.002 (payment status report) about it. Pure.

Bytes follow from the order and the payee alone, so that every instance makes the same ones.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from processors.psim.banks.iso20022 import NAMESPACE, get_code, get_context, get_types
from schemas.generated.common import PayoutDetails

KIND = "pain.001.001.09"
STATUSES = frozenset(f"pain.002.001.{n:02}" for n in (3, 10, 12))
EURO, EURO_SERVICE = "EUR", "SEPA"
NOT_PROVIDED = "NOTPROVIDED"
"""As rules for SEPA write that the IBAN says the bank."""
REJECTED = "RJCT"
SETTLED = frozenset({"ACSC", "ACCC"})
"""Codes of a pain.002 that say something for good; all others change."""


class Payer(NamedTuple):
    """Whose account pays. `digits`: decimals of its currency; `bic`: may be empty."""

    holder: str
    iban: str
    bic: str
    currency: str
    digits: int


class PaymentStatus(NamedTuple):
    """What a pain.002 says of a payment of ours. `reference`: its EndToEndId."""

    reference: str
    code: str


def make_file(payer: Payer, reference: str, at_ms: int, amount: int, payee: PayoutDetails) -> bytes:
    """One payout. `reference`: all ids in it; `at_ms`: when it is made, whole seconds; `amount` in
    the smallest unit."""
    from xsdata.formats.dataclass.serializers import XmlSerializer
    from xsdata.formats.dataclass.serializers.config import SerializerConfig
    from xsdata.models.datatype import XmlDate, XmlDateTime

    types = get_types(KIND)
    made_at = datetime.fromtimestamp(at_ms // 1000, UTC)
    is_euro = payer.currency == EURO
    value = Decimal(amount).scaleb(-payer.digits)
    header = types.GroupHeader85(
        msg_id=reference,
        cre_dt_tm=XmlDateTime.from_datetime(made_at),
        nb_of_txs="1",
        ctrl_sum=value,
        initg_pty=types.PartyIdentification135(nm=payer.holder),
    )
    payment = types.PaymentInstruction30(
        pmt_inf_id=reference,
        pmt_mtd=types.PaymentMethod3Code.TRF,
        nb_of_txs="1",
        ctrl_sum=value,
        pmt_tp_inf=_make_service(types) if is_euro else None,
        reqd_exctn_dt=types.DateAndDateTime2Choice(dt=XmlDate.from_date(made_at.date())),
        dbtr=types.PartyIdentification135(nm=payer.holder),
        dbtr_acct=_make_account(types, payer.iban, payer.currency),
        dbtr_agt=_make_bank(types, payer.bic),
        chrg_br=types.ChargeBearerType1Code.SLEV if is_euro else types.ChargeBearerType1Code.SHAR,
        cdt_trf_tx_inf=[_make_transfer(types, payer, reference, value, payee)],
    )
    initiation = types.CustomerCreditTransferInitiationV09(grp_hdr=header, pmt_inf=[payment])
    config = SerializerConfig(encoding="UTF-8")
    document = types.Document(cstmr_cdt_trf_initn=initiation)
    text = XmlSerializer(config=config, context=get_context(KIND)).render(
        document, ns_map={None: NAMESPACE + KIND}
    )
    return text.encode()


def _make_transfer(
    types: Any, payer: Payer, reference: str, value: Decimal, payee: PayoutDetails
) -> Any:
    amount = types.ActiveOrHistoricCurrencyAndAmount(value=value, ccy=payer.currency)
    return types.CreditTransferTransaction34(
        pmt_id=types.PaymentIdentification6(instr_id=reference, end_to_end_id=reference),
        amt=types.AmountType4Choice(instd_amt=amount),
        cdtr_agt=_make_bank(types, payee.bic) if payee.bic else None,
        cdtr=types.PartyIdentification135(nm=payee.holder),
        cdtr_acct=_make_account(types, payee.iban),
        rmt_inf=types.RemittanceInformation16(ustrd=[reference]),
    )


def _make_service(types: Any) -> Any:
    return types.PaymentTypeInformation26(svc_lvl=[types.ServiceLevel8Choice(cd=EURO_SERVICE)])


def _make_account(types: Any, iban: str, currency: str | None = None) -> Any:
    return types.CashAccount38(id=types.AccountIdentification4Choice(iban=iban), ccy=currency)


def _make_bank(types: Any, bic: str) -> Any:
    named = types.FinancialInstitutionIdentification18(bicfi=bic or None)
    if not bic:
        named.othr = types.GenericFinancialIdentification1(id=NOT_PROVIDED)
    return types.BranchAndFinancialInstitutionIdentification6(fin_instn_id=named)


def read_statuses(document: Any) -> Iterator[PaymentStatus]:
    """Of a pain.002: what it says of each payment, of all of a batch or of all of a file. Ours are
    alone in their files, and have one name for all of these."""
    report = document.cstmr_pmt_sts_rpt
    group = report.orgnl_grp_inf_and_sts
    if not group.orgnl_msg_nm_id.startswith("pain.001"):
        return
    of_all = get_code(group.grp_sts)
    if not report.orgnl_pmt_inf_and_sts and of_all:
        yield PaymentStatus(group.orgnl_msg_id, of_all)
    for batch in report.orgnl_pmt_inf_and_sts:
        of_batch = get_code(batch.pmt_inf_sts) or of_all
        if not batch.tx_inf_and_sts and of_batch:
            yield PaymentStatus(batch.orgnl_pmt_inf_id, of_batch)
        for each in batch.tx_inf_and_sts:
            code = get_code(each.tx_sts) or of_batch
            if each.orgnl_end_to_end_id and code:
                yield PaymentStatus(each.orgnl_end_to_end_id, code)
