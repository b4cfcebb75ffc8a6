"""Known defects, each a change of a few characters, and the tests that must notice it."""

from typing import NamedTuple


class Mutant(NamedTuple):
    """In `file` the text `old`, which stands there once, becomes `new`. `tests`: their folders or
    files."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


QUORUM, CLAIMS = "streams/consensus/quorum.py", "streams/consensus/claims.py"
AGREEMENT, CERTIFIER = "streams/herder/agreement.py", "streams/herder/certifier.py"
CHAIN, MEMBERSHIP = "streams/ledger/chain.py", "streams/ledger/membership.py"
RULES, PENDING = "streams/ledger/access/rules.py", "streams/ledger/requests/pending.py"
POLICIES, BALANCES = "streams/ledger/requests/policies.py", "streams/ledger/balances.py"
VALUES, PRICES = "streams/ledger/values.py", "streams/ledger/prices.py"

CONSENSUS_TESTS = ("tests/streams/consensus",)
HERDER_TESTS = ("tests/streams/herder",)
CHAIN_TESTS = ("tests/streams/ledger/test_chain.py",)
MEMBERSHIP_TESTS = ("tests/streams/ledger/test_membership.py", "tests/streams/ledger/access")
REQUEST_TESTS = ("tests/streams/ledger/requests",)
OPERATION_TESTS = ("tests/streams/ledger/operations",)
SENT = "return [Persist(tuple(rows), tuple(sets)), Broadcast(Lane.SCP, message)]"
SIGNED = "outputs.append(Broadcast(Lane.SCP, Message(signed)))"

MUTANTS = (
    Mutant(
        "a quorum check is skipped",
        QUORUM,
        "        if is_slice(inner, nodes):\n            left -= 1\n    return left <= 0",
        "        if is_slice(inner, nodes):\n            left -= 1\n    return True",
        CONSENSUS_TESTS,
    ),
    Mutant(
        "one node too few blocks",
        QUORUM,
        "left = slices.blocking_size - (slices.validators & nodes).bit_count()",
        "left = slices.blocking_size - 1 - (slices.validators & nodes).bit_count()",
        CONSENSUS_TESTS,
    ),
    Mutant(
        "an old ballot is accepted",
        CLAIMS,
        "if ballot > ballot_2 or prepared > prepared_2 or prime > prime_2:",
        "if prepared > prepared_2 or prime > prime_2:",
        CONSENSUS_TESTS,
    ),
    Mutant(
        "a vote is not made durable",
        AGREEMENT,
        SENT,
        "return [Broadcast(Lane.SCP, message)]",
        HERDER_TESTS,
    ),
    Mutant(
        "a vote is sent before it is durable",
        AGREEMENT,
        SENT,
        "return [Broadcast(Lane.SCP, message), Persist(tuple(rows), tuple(sets))]",
        HERDER_TESTS,
    ),
    Mutant(
        "signatures of statements are not looked at",
        AGREEMENT,
        "if not is_valid_signature(statement.node_id, payload, envelope.signature):",
        "if payload is None:",
        HERDER_TESTS,
    ),
    Mutant(
        "strangers vote",
        AGREEMENT,
        "if statement.node_id not in self._members or (known and known[1] == envelope):",
        "if known and known[1] == envelope:",
        HERDER_TESTS,
    ),
    Mutant(
        "a header is signed before the commit",
        "streams/herder/herder.py",
        SIGNED,
        "outputs.insert(0, Broadcast(Lane.SCP, Message(signed)))",
        ("tests/simulation/test_scenarios.py",),
    ),
    Mutant(
        "a ledger is published before its certificate",
        CERTIFIER,
        "        if certificate is None:\n            return []\n        self.set_certified",
        "        certificate = certificate or Certificate(())\n        self.set_certified",
        HERDER_TESTS,
    ),
    Mutant(
        "a node follows who signs another header",
        CERTIFIER,
        "        if not others:\n            return\n",
        "        return\n",
        HERDER_TESTS,
    ),
    Mutant(
        "who signs two headers keeps others from a certificate",
        CERTIFIER,
        "return ours is not None and header_hash == ours.header_hash != known",
        "return False",
        HERDER_TESTS,
    ),
    Mutant(
        "false signatures make a certificate",
        CHAIN,
        "if not is_valid_signature(each.node_id, payload, each.signature):",
        "if payload is None:",
        CHAIN_TESTS,
    ),
    Mutant(
        "a signer counts twice in a certificate",
        CHAIN,
        "if sorted(set(nodes)) != nodes:",
        "if sorted(nodes) != nodes:",
        CHAIN_TESTS,
    ),
    Mutant(
        "too few signatures make a certificate",
        CHAIN,
        "    if not is_satisfied(position.quorum_set, nodes):\n        raise",
        "    if not nodes:\n        raise",
        CHAIN_TESTS,
    ),
    Mutant(
        "a quorum set is believed because a record has it",
        CHAIN,
        "if compute_hash(encode(after.quorum_set)) == header.quorum_set_hash:",
        "if after.quorum_set != position.quorum_set:",
        CHAIN_TESTS,
    ),
    Mutant(
        "a body is not compared with its header",
        CHAIN,
        "if header.body_hash != compute_hash(record.body):",
        "if not record.body:",
        CHAIN_TESTS,
    ),
    Mutant(
        "any genesis will do",
        CHAIN,
        "if header_hash != genesis_hash:",
        "if genesis_hash is None:",
        CHAIN_TESTS,
    ),
    Mutant(
        "a transaction is closed twice",
        MEMBERSHIP,
        "if window.has(candidate.transaction_hash, transaction.max_time_ms):",
        "if not transaction.operations:",
        MEMBERSHIP_TESTS,
    ),
    Mutant(
        "a transaction is closed too late",
        MEMBERSHIP,
        "if close_time_ms > transaction.max_time_ms:",
        "if close_time_ms > transaction.max_time_ms + 1:",
        MEMBERSHIP_TESTS,
    ),
    Mutant(
        "signatures that are not needed are tolerated",
        MEMBERSHIP,
        "return None if len(self._used) == len(self._signers) else RejectionCode.BAD_AUTH_EXTRA",
        "return None",
        MEMBERSHIP_TESTS,
    ),
    Mutant(
        "an identity signs twice",
        VALUES,
        "heaviest[data.identity] = max(data.weight, heaviest.get(data.identity, 0))",
        "heaviest[data.identity] = data.weight + heaviest.get(data.identity, 0)",
        (*MEMBERSHIP_TESTS, "tests/streams/ledger/test_values.py"),
    ),
    Mutant(
        "what forbids is ignored",
        RULES,
        "return bool(matching) and not any(rule.forbids for rule in matching)",
        "return bool(matching)",
        MEMBERSHIP_TESTS,
    ),
    Mutant(
        "what no rule speaks of is allowed",
        RULES,
        "return bool(matching) and not any(rule.forbids for rule in matching)",
        "return not any(rule.forbids for rule in matching)",
        MEMBERSHIP_TESTS,
    ),
    Mutant(
        "a role does not end",
        RULES,
        "        if time_ms >= self.ends_at_ms:\n            return False\n",
        "",
        (*MEMBERSHIP_TESTS, *OPERATION_TESTS),
    ),
    Mutant(
        "a reference is used twice",
        "streams/ledger/operations/outcome.py",
        "    if first is not None:\n        return refused(codes.REFERENCE_DUPLICATION",
        "    if first == -1:\n        return refused(codes.REFERENCE_DUPLICATION",
        OPERATION_TESTS,
    ),
    Mutant(
        "a request is fulfilled twice",
        PENDING,
        "        delta.remove(reviewable_request_key(request.request_id))",
        "        delta.put(request)",
        REQUEST_TESTS,
    ),
    Mutant(
        "an edited request keeps its approvals",
        PENDING,
        "        terms=terms,\n        approvals=(),\n        approved_at_ms=None,\n"
        "        body=body,\n    )\n    add_change(delta, edited",
        "        terms=terms,\n        body=body,\n    )\n    add_change(delta, edited",
        REQUEST_TESTS,
    ),
    Mutant(
        "a reviewer counts twice",
        POLICIES,
        "if signer is None or signer.data.identity in known:",
        "if signer is None:",
        REQUEST_TESTS,
    ),
    Mutant(
        "who asked approves",
        POLICIES,
        "{each.public_key for each in authors}:\n        return True\n",
        "{each.public_key for each in authors}:\n        return False\n",
        REQUEST_TESTS,
    ),
    Mutant(
        "a fee is credited to whoever is paid",
        BALANCES,
        "gain = amount if fee is None else amount - fee.fixed - fee.percent",
        "gain = amount",
        OPERATION_TESTS,
    ),
    Mutant(
        "what is locked stays available",
        BALANCES,
        "delta.put(_with_amounts(balance, balance.amount - held, balance.locked + held))",
        "delta.put(_with_amounts(balance, balance.amount, balance.locked + held))",
        REQUEST_TESTS,
    ),
    Mutant(
        "a fee is rounded down",
        "streams/ledger/fees.py",
        "percent = -(-amount * found.percent // PERCENT_WHOLE)",
        "percent = amount * found.percent // PERCENT_WHOLE",
        ("tests/streams/ledger/test_fees.py",),
    ),
    Mutant(
        "an old price converts",
        PRICES,
        "return close_time_ms > pair.quoted_at_ms + pair.max_age_ms",
        "return close_time_ms > pair.quoted_at_ms + 2 * pair.max_age_ms",
        ("tests/streams/ledger/test_prices.py", "tests/streams/ledger/test_limits.py"),
    ),
    Mutant(
        "objects of an archive are not compared with their names",
        "streams/archive/checkpoint.py",
        "    if compute_hash(data) != named.hash:\n        raise DamagedArchive",
        "    if not data:\n        raise DamagedArchive",
        ("tests/streams/archive",),
    ),
    Mutant(
        "a snapshot is believed without its roots",
        "streams/archive/snapshot.py",
        "        if found != due:\n",
        "        if not found:\n",
        ("tests/streams/archive",),
    ),
)
