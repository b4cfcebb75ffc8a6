// How a secret opens a wallet (gateways/client/wallet_keys.py describes it): Argon2id and
// XChaCha20-Poly1305 by libsodium; HKDF, Ed25519 and request signatures (RFC 9421) by WebCrypto.
// All of it also runs in browsers, but for strkeys, which need Node's Buffer.

import sodium from "libsodium-wrappers-sumo";
import { decodeStrkey, encodeStrkey } from "./tokend.mjs";

await sodium.ready;
const { subtle } = globalThis.crypto;
const FORMAT = 1;
const HEAD_BYTES = 5;
const NONCE_BYTES = 24;
const WEAKEST = { memory_kib: 65_536, passes: 3 };
const LARGEST = { memory_kib: 1_048_576, passes: 20 };
const PKCS8 = sodium.from_hex("302e020100300506032b657004220420");

const encode = (text) => new TextEncoder().encode(text);
const toU32 = (...numbers) => {
  const view = new DataView(new ArrayBuffer(4 * numbers.length));
  numbers.forEach((each, at) => view.setUint32(4 * at, each));
  return new Uint8Array(view.buffer);
};
const join = (...parts) => Uint8Array.from(parts.flatMap((each) => [...each]));
export const toBase64 = (bytes) => sodium.to_base64(bytes, sodium.base64_variants.ORIGINAL);
export const fromBase64 = (text) => sodium.from_base64(text, sodium.base64_variants.ORIGINAL);

// An Ed25519 key of a seed: `address` is G..., `seed` S...; its private half stays in WebCrypto.
export async function makeKey(seed = sodium.randombytes_buf(32)) {
  const key = await subtle.importKey("pkcs8", join(PKCS8, seed), "Ed25519", false, ["sign"]);
  const { publicKey } = sodium.crypto_sign_seed_keypair(seed);
  return { key, address: encodeStrkey("G", publicKey), seed: encodeStrkey("S", seed) };
}

// A server that asks for less than this would make guessing cheap: do not type your secret there.
export function checkDerivation(derivation) {
  const { algorithm, lanes } = derivation;
  const isOutside = (name) =>
    !(derivation[name] >= WEAKEST[name] && derivation[name] <= LARGEST[name]);
  if (algorithm !== "argon2id" || lanes !== 1 || isOutside("memory_kib") || isOutside("passes")) {
    throw new Error(`the server asks for a weak derivation: ${JSON.stringify(derivation)}`);
  }
  return derivation;
}

async function expand(root, info) {
  const key = await subtle.importKey("raw", root, "HKDF", false, ["deriveBits"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(32), info: encode(info) };
  return new Uint8Array(await subtle.deriveBits(how, key, 256));
}

// `auth` signs requests to the KeyServer, `envelope` closes the envelope. `email`: as it was typed.
export async function deriveKeys(secret, email, salt, derivation) {
  const { passes, memory_kib: memoryKib } = checkDerivation(derivation);
  if (salt.length !== sodium.crypto_pwhash_SALTBYTES) throw new Error("the salt is not of 16 bytes");
  const typed = encode(secret);
  const root = sodium.crypto_pwhash(
    32,
    join(toU32(typed.length), typed, encode(email)),
    salt,
    passes,
    memoryKib * 1024,
    sodium.crypto_pwhash_ALG_ARGON2ID13,
  );
  const authSeed = await expand(root, "tokend-keyserver-auth-v1");
  const envelope = await expand(root, "tokend-keyserver-envelope-v1");
  return { auth: await makeKey(authSeed), authSeed, envelope, derivation };
}

const associate = ({ version: number, memory_kib: memoryKib, passes, lanes }, account, version) =>
  join(
    encode("tokend-envelope"),
    decodeStrkey("G", account),
    toU32(version, number, memoryKib, passes, lanes),
  );

// `content`: {account, recovery, seed}. `nonce`: random unless given, for vectors.
export function sealEnvelope(keys, content, version, nonce = sodium.randombytes_buf(NONCE_BYTES)) {
  const { account, recovery, seed } = content;
  const sealed = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
    JSON.stringify({ account, recovery, seed }),
    associate(keys.derivation, account, version),
    null,
    nonce,
    keys.envelope,
  );
  return join([FORMAT], toU32(version), nonce, sealed);
}

// Throws unless this secret closed it for this account and version (0: by a recovery).
export function openEnvelope(keys, envelope, account, version) {
  const own = new DataView(Uint8Array.from(envelope).buffer).getUint32(1);
  if (envelope[0] !== FORMAT || ![version, 0].includes(own)) throw new Error("another version");
  const text = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
    null,
    envelope.slice(HEAD_BYTES + NONCE_BYTES),
    associate(keys.derivation, account, own),
    envelope.slice(HEAD_BYTES, HEAD_BYTES + NONCE_BYTES),
    keys.envelope,
    "text",
  );
  const content = JSON.parse(text);
  if (content.account !== account) throw new Error("the envelope holds another account's key");
  return content;
}

// A request to any gateway, signed by `key` (of makeKey) if it is given. The answer's document.
export async function send(method, address, content = null, key = null) {
  const url = new URL(address);
  const body = content === null ? new Uint8Array() : encode(JSON.stringify(content));
  const headers = content === null ? {} : { "Content-Type": "application/json" };
  if (key !== null) Object.assign(headers, await signRequest(method, url, body, key));
  const answer = await fetch(url, { method, headers, body: content === null ? undefined : body });
  const text = await answer.text();
  const document = text ? JSON.parse(text) : {};
  if (!answer.ok) throw Object.assign(new Error(document.detail), { status: answer.status });
  return document;
}

async function signRequest(method, url, body, { key, address }) {
  const digest = `sha-256=:${toBase64(new Uint8Array(await subtle.digest("SHA-256", body)))}:`;
  const nonce = toBase64(sodium.randombytes_buf(18));
  const created = Math.floor(Date.now() / 1000);
  const parameters =
    '("@method" "@authority" "@path" "@query" "content-digest")' +
    `;created=${created};keyid="${address}";alg="ed25519";nonce="${nonce}";tag="tokend"`;
  const base = [
    `"@method": ${method}`,
    `"@authority": ${url.host}`,
    `"@path": ${url.pathname}`,
    `"@query": ?${url.search.slice(1)}`,
    `"content-digest": ${digest}`,
    `"@signature-params": ${parameters}`,
  ].join("\n");
  const signature = new Uint8Array(await subtle.sign("Ed25519", key, encode(base)));
  return {
    "Content-Digest": digest,
    "Signature-Input": `sig=${parameters}`,
    Signature: `sig=:${toBase64(signature)}:`,
  };
}
