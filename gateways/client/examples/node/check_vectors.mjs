// Holds this implementation against the project's byte vectors: node check_vectors.mjs

import { deepStrictEqual } from "node:assert";
import { readFileSync } from "node:fs";
import * as tokend from "./tokend.mjs";

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
console.log("all vectors hold");
