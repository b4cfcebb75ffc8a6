// Holds this implementation against the project's byte vectors: node check_vectors.mjs

import { deepStrictEqual, throws } from "node:assert";
import { readFileSync } from "node:fs";
import * as tokend from "./tokend.mjs";
import { checkDerivation, deriveKeys, openEnvelope, sealEnvelope } from "./wallet_keys.mjs";

const vectors = JSON.parse(readFileSync(`${tokend.SCHEMAS}vectors/vectors.json`, "utf8"));
const { strkey, transaction, network, balance_id: balance, ledger } = vectors;
const same = (bytes, hex) => deepStrictEqual(Buffer.from(bytes).toString("hex"), hex);

same(tokend.decodeStrkey("S", strkey.seed), strkey.seed_hex);
same(tokend.decodeStrkey("G", strkey.account), strkey.account_hex);
same(tokend.decodeStrkey("B", strkey.balance), strkey.balance_hex);
same(new tokend.Key(Buffer.from(strkey.seed_hex, "hex")).public, strkey.account_hex);

const decoded = tokend.Transaction.fromBuffer(Buffer.from(transaction.bytes, "hex"));
same(tokend.Transaction.toBuffer(decoded), transaction.bytes);
same(tokend.computeTransactionHash(decoded.network_id, Buffer.from(transaction.bytes, "hex")), transaction.hash);
const signed = tokend.signTransaction(decoded, new tokend.Key(Buffer.from(strkey.seed_hex, "hex")));
same(signed.envelope, transaction.envelope);
same(tokend.frame(tokend.TransactionEnvelope, signed.envelope), transaction.framed);

const header = tokend.LedgerHeader.fromBuffer(Buffer.from(ledger.header, "hex"));
same(tokend.hash(Buffer.from(ledger.header, "hex")), ledger.header_hash);
same(header.body_hash, tokend.hash(Buffer.from(ledger.body, "hex")).toString("hex"));
tokend.LedgerBody.fromBuffer(Buffer.from(ledger.body, "hex"));

// Keys and envelopes of wallets; what was changed does not open.
for (const wallet of JSON.parse(readFileSync(new URL("../wallet_vectors.json", import.meta.url), "utf8"))) {
  const salt = Buffer.from(wallet.salt, "hex");
  const keys = await deriveKeys(wallet.secret, wallet.email, salt, wallet.derivation);
  same(keys.authSeed, wallet.auth_seed);
  same(keys.envelope, wallet.envelope_key);
  deepStrictEqual(keys.auth.address, wallet.auth_key);
  const content = { account: wallet.account, recovery: wallet.recovery, seed: wallet.seed };
  const envelope = sealEnvelope(keys, content, wallet.version, Buffer.from(wallet.nonce, "hex"));
  same(envelope, wallet.envelope);
  deepStrictEqual(openEnvelope(keys, envelope, wallet.account, wallet.version), content);
  throws(() => openEnvelope(keys, envelope, wallet.account, wallet.version + 1));
  throws(() => openEnvelope(keys, envelope.with(-1, envelope.at(-1) ^ 1), wallet.account, wallet.version));
  throws(() => checkDerivation({ ...wallet.derivation, memory_kib: 19_456 }));
}
console.log("all vectors hold");
