// tokend's contract in Node: Avro bytes from the project's schemas, hashes, signatures, verification.
// Source of every rule: schemas/PROTOCOL.md, and the byte vectors.

import avsc from "avsc";
import { createHash, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { readFileSync } from "node:fs";

export const SCHEMAS = new URL("../../../../schemas/", import.meta.url).pathname;
const canonicalForms = new Map();

// An outermost type from its self-contained schema. Unions of records are wrapped: {"tokend.operations.Payment": {...}}.
function loadType(name) {
  const schema = JSON.parse(readFileSync(`${SCHEMAS}generated/${name}.avsc`, "utf8"));
  const type = avsc.Type.forSchema(schema, { wrapUnions: true });
  canonicalForms.set(type, JSON.stringify(toCanonical(schema)));
  return type;
}

// Avro's "Parsing Canonical Form": what a fingerprint is taken of.
function toCanonical(schema) {
  if (typeof schema === "string") return schema;
  if (Array.isArray(schema)) return schema.map(toCanonical);
  const { type, name, fields, symbols, items, size } = schema;
  if (type === "array") return { type, items: toCanonical(items) };
  const plain = fields?.map((each) => ({ name: each.name, type: toCanonical(each.type) }));
  return { name, type, ...(plain && { fields: plain }), ...(symbols && { symbols }), ...(size && { size }) };
}

export const Transaction = loadType("Transaction");
export const TransactionEnvelope = loadType("TransactionEnvelope");
export const LedgerRecord = loadType("LedgerRecord");
export const LedgerHeader = loadType("LedgerHeader");
export const LedgerBody = loadType("LedgerBody");

export const hash = (...parts) => createHash("sha256").update(Buffer.concat(parts.map((each) => Buffer.from(each)))).digest();
export const toU64 = (value) => { const bytes = Buffer.alloc(8); bytes.writeBigUInt64BE(BigInt(value)); return bytes; };
export const toAmount = (units) => Buffer.from(BigInt(units).toString(16).padStart(32, "0"), "hex");

// Avro's single-object encoding: a marker, the CRC-64-AVRO of the schema's canonical form, the bytes.
const EMPTY = 0xc15d213aa4d7a795n;
export function frame(type, bytes) {
  let fingerprint = EMPTY;
  for (const byte of Buffer.from(canonicalForms.get(type))) {
    fingerprint ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) fingerprint = (fingerprint >> 1n) ^ (EMPTY & -(fingerprint & 1n) & 0xffffffffffffffffn);
  }
  const head = Buffer.alloc(10);
  head.writeUInt16BE(0xc301);
  head.writeBigUInt64LE(fingerprint, 2);
  return Buffer.concat([head, bytes]);
}
const RECORD_HEAD = frame(LedgerRecord, Buffer.alloc(0));

// Strkeys: base32 of a version byte, 32 bytes and a CRC-16 (XModem, little-endian).
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
function computeChecksum(bytes) {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc;
}

export function decodeStrkey(kind, text) {
  let bits = 0n;
  for (const letter of text) bits = (bits << 5n) | BigInt(ALPHABET.indexOf(letter));
  const raw = Buffer.from(bits.toString(16).padStart(70, "0"), "hex");
  const isWhole = raw.readUInt16LE(33) === computeChecksum(raw.subarray(0, 33));
  if (text.length !== 56 || raw[0] >> 3 !== ALPHABET.indexOf(kind) || !isWhole) {
    throw new Error(`not a ${kind}... key`);
  }
  return raw.subarray(1, 33);
}

export function encodeStrkey(kind, key) {
  const raw = Buffer.concat([Buffer.from([ALPHABET.indexOf(kind) << 3]), key, Buffer.alloc(2)]);
  raw.writeUInt16LE(computeChecksum(raw.subarray(0, 33)), 33);
  let bits = BigInt(`0x${raw.toString("hex")}`);
  let text = "";
  for (let letter = 0; letter < 56; letter++, bits >>= 5n) text = ALPHABET[Number(bits & 31n)] + text;
  return text;
}

export class Key {
  constructor(seed) {
    this.private = createPrivateKey({ key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]), format: "der", type: "pkcs8" });
    this.public = createPublicKey(this.private).export({ format: "der", type: "spki" }).subarray(-32);
  }
  sign(message) {
    return sign(null, message, this.private);
  }
}
const isSigned = (publicKey, message, signature) =>
  verify(null, message, createPublicKey({ key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), publicKey]), format: "der", type: "spki" }), signature);

export function computeBalanceId(networkId, account, asset, index = 0) {
  const number = Buffer.alloc(4);
  number.writeUInt32BE(index);
  return hash("tokend-balance", networkId, account, asset, number);
}
export const computeTransactionHash = (networkId, transaction) => hash("tokend-tx", networkId, transaction);

// A signed envelope's bytes, and the transaction's hash, which is its name everywhere.
export function signTransaction(transaction, key) {
  const bytes = Transaction.toBuffer(transaction);
  const transactionHash = computeTransactionHash(transaction.network_id, bytes);
  const signatures = [{ signer: key.public, signature: key.sign(transactionHash) }];
  return { transactionHash, envelope: TransactionEnvelope.toBuffer({ transaction: bytes, signatures }) };
}

// Believes what the validators signed. `genesisHash` is what is trusted; `quorumSet` the genesis file's.
export class LedgerChain {
  constructor(networkId, genesisHash, quorumSet) {
    Object.assign(this, { networkId, genesisHash, quorumSet, sequence: 0n, headerHash: Buffer.alloc(32) });
  }

  // The next ledger, or null for a repeat. Throws for anything that is not true.
  accept(message) {
    if (!message.subarray(0, 10).equals(RECORD_HEAD)) throw new Error("not a ledger record");
    const record = LedgerRecord.fromBuffer(message.subarray(10));
    const header = LedgerHeader.fromBuffer(record.header);
    const headerHash = hash(record.header);
    const sequence = header.sequence.readBigUInt64BE();
    if (sequence <= this.sequence) return null;
    this.check(sequence === this.sequence + 1n, `ledger ${sequence} where ${this.sequence + 1n} was due`);
    this.check(header.network_id.equals(this.networkId), "another network");
    this.check(header.previous_header_hash.equals(this.headerHash), "it builds on another ledger");
    this.check(header.body_hash.equals(hash(record.body)), "the body is not the header's");
    if (sequence === 1n) {
      this.check(headerHash.equals(this.genesisHash), "another genesis");
      this.quorumSetHash = header.quorum_set_hash;
    } else {
      this.checkCertificate(sequence, headerHash, record.certificate.signatures);
    }
    this.check(header.quorum_set_hash.equals(this.quorumSetHash), "the quorum set changed: pin a newer header");
    this.sequence = sequence;
    this.headerHash = headerHash;
    return { sequence, header, headerHash, signatures: record.certificate.signatures.length, body: LedgerBody.fromBuffer(record.body) };
  }

  checkCertificate(sequence, headerHash, signatures) {
    const payload = Buffer.concat([Buffer.from("tokend-header"), this.networkId, toU64(sequence), headerHash]);
    const signers = new Set();
    for (const { node_id: node, signature } of signatures) {
      this.check(isSigned(node, payload, signature), "a signature of the certificate is false");
      signers.add(node.toString("hex"));
    }
    this.check(isSatisfied(this.quorumSet, signers), "too few validators signed");
  }

  check(holds, problem) {
    if (!holds) throw new Error(`ledgers are not true: ${problem}`);
  }
}

function isSatisfied(quorumSet, signers) {
  const nodes = quorumSet.validators.filter((each) => signers.has(decodeStrkey("G", each).toString("hex")));
  const inner = (quorumSet.inner_sets ?? []).filter((each) => isSatisfied(each, signers));
  return nodes.length + inner.length >= quorumSet.threshold;
}
