// Makes a wallet and an account, unlocks it, and reads by its key what only its owner may read:
//     node sign_up.mjs ENDPOINTS EMAIL SECRET_FILE
// ENDPOINTS is the endpoints.json that `tokend up` writes. The mailed code is read from standard input.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { decodeStrkey, Key, signTransaction, toU64 } from "./tokend.mjs";
import { deriveKeys, fromBase64, makeKey, openEnvelope, sealEnvelope, send, toBase64 } from "./wallet_keys.mjs";

const [endpointsFile, email, secretFile] = process.argv.slice(2);
const endpoints = JSON.parse(readFileSync(endpointsFile, "utf8"));
const secret = readFileSync(secretFile, "utf8").trim();
const [keyserver, api, horizon] = [endpoints.keyserver[0], endpoints.api[0], endpoints.horizon[0]];
const OWNER_ROLE = 2;
const OWNER_WEIGHT = 1000;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function derive() {
  const { data } = await send("POST", `${keyserver}/v1/kdf`, { email });
  const { salt, kdfs } = data.attributes;
  return deriveKeys(secret, email, fromBase64(salt), kdfs[0]);
}

// The server gets the public half of a key that follows from the secret, and a closed envelope.
async function signUp() {
  const keys = await derive();
  const [wallet, recovery] = [await makeKey(), await makeKey()];
  const content = { account: wallet.address, recovery: recovery.address, seed: wallet.seed };
  const { data } = await send("POST", `${keyserver}/v1/signups`, {
    email,
    account: wallet.address,
    signer: wallet.address,
    recovery: recovery.address,
    kdf: keys.derivation.version,
    verifier: keys.auth.address,
    envelope: toBase64(sealEnvelope(keys, content, 1)),
  });
  console.log(`write this down, it is the only way back without the secret: ${recovery.seed}`);
  const lines = createInterface({ input: process.stdin });
  const code = await lines.question("the code that was mailed: ");
  lines.close();
  const body = { id: data.id, code: code.trim() };
  const confirmed = await send("POST", `${keyserver}/v1/signups/confirm`, body, wallet);
  return confirmed.data.attributes;
}

// The KeyServer's statement lets API create the account. Asking again does nothing.
async function register(statement) {
  const registration = { statement: statement.body, signature: statement.signature, email };
  for (;;) {
    const { data } = await send("POST", `${api}/v1/registrations`, registration);
    if (data.attributes.state === "CREATED") return;
    if (data.attributes.state === "REFUSED") throw new Error(data.attributes.reason);
    await sleep(500);
  }
}

// The recovery key signs for the account from now on: the ledger must know it, or it recovers nothing.
async function addRecovery({ account, recovery, seed }) {
  const { data } = await send("GET", `${horizon}/v3/info`);
  const owner = {
    public_key: decodeStrkey("G", recovery),
    role_id: toU64(OWNER_ROLE),
    weight: OWNER_WEIGHT,
    identity: 0,
    details: Buffer.alloc(0),
  };
  const action = { "tokend.operations.CreateSigner": { data: owner } };
  const { envelope } = signTransaction(
    {
      network_id: Buffer.from(data.attributes.network_id, "hex"),
      source_account: decodeStrkey("G", account),
      salt: randomBytes(8),
      min_time_ms: toU64(0),
      max_time_ms: toU64(Number(data.attributes.latest_ledger_close_time_ms) + 5 * 60_000),
      memo: "",
      operations: [{ source: null, body: { "tokend.operations.ManageSigner": { action } } }],
    },
    new Key(decodeStrkey("S", seed)),
  );
  const headers = { "Content-Type": "application/avro" };
  for (;;) {
    const url = `${horizon}/v3/transactions?wait=result`;
    const answer = await fetch(url, { method: "POST", headers, body: envelope });
    if (answer.status === 200) return;
    if (answer.status !== 202) throw new Error(await answer.text());
    await sleep(500); // the same envelope counts once
  }
}

async function unlock() {
  const keys = await derive();
  const { data } = await send("POST", `${keyserver}/v1/unlock`, { email }, keys.auth);
  const { envelope, account, version } = data.attributes;
  const content = openEnvelope(keys, fromBase64(envelope), account, version);
  return content;
}

await register(await signUp());
const wallet = await unlock();
await addRecovery(wallet);
const key = await makeKey(decodeStrkey("S", wallet.seed));
const links = await send("GET", `${api}/v1/accounts/${wallet.account}/links`, null, key);
console.log(`${wallet.account} is of ${links.data.map((each) => each.attributes.address)}`);
process.exit();
