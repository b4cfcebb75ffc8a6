// What a page of a project does: a key that cannot be exported signs requests to API (RFC 9421), and
// a file goes to the object store directly. Every call returns plain values for the test to look at.

const encode = (text) => new TextEncoder().encode(text);
const toBase64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const hash = (bytes) => crypto.subtle.digest("SHA-256", bytes);
const toHex = (bytes) =>
  [...new Uint8Array(bytes)].map((each) => each.toString(16).padStart(2, "0")).join("");

window.makeKey = async () => {
  window.pair = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
  return toHex(await crypto.subtle.exportKey("raw", window.pair.publicKey));
};

window.send = async (method, address, signer, content = null) => {
  const url = new URL(address);
  const body = content === null ? new Uint8Array() : encode(JSON.stringify(content));
  const digest = `sha-256=:${toBase64(await hash(body))}:`;
  const nonce = toBase64(crypto.getRandomValues(new Uint8Array(18)));
  const covered = '("@method" "@authority" "@path" "@query" "content-digest")';
  const created = Math.floor(Date.now() / 1000);
  const parameters =
    `${covered};created=${created};keyid="${signer}";alg="ed25519";nonce="${nonce}";tag="tokend"`;
  const base = [
    `"@method": ${method}`,
    `"@authority": ${url.host}`,
    `"@path": ${url.pathname}`,
    `"@query": ?${url.search.slice(1)}`,
    `"content-digest": ${digest}`,
    `"@signature-params": ${parameters}`,
  ].join("\n");
  const signature = await crypto.subtle.sign("Ed25519", window.pair.privateKey, encode(base));
  const headers = {
    "Content-Digest": digest,
    "Signature-Input": `sig=${parameters}`,
    Signature: `sig=:${toBase64(signature)}:`,
  };
  if (content !== null) headers["Content-Type"] = "application/json";
  const answer = await fetch(url, {
    method,
    headers,
    body: content === null ? undefined : body,
  });
  const text = await answer.text();
  return { status: answer.status, data: text ? JSON.parse(text).data : null };
};

window.upload = async (api, account, signer, type, text) => {
  const content = encode(text);
  const digest = toHex(await hash(content));
  const path = `${api}/v1/accounts/${account}/uploads`;
  const announced = await window.send("POST", path, signer, {
    type,
    content_type: "text/plain",
    bytes: content.length,
    sha256: digest,
  });
  const { url, headers } = announced.data.attributes;
  const put = await fetch(url, { method: "PUT", headers, body: content });
  const committed = await window.send("POST", `${path}/${announced.data.id}/commit`, signer);
  const fetched = await fetch(committed.data.attributes.download_url);
  return { put: put.status, committed: committed.status, content: await fetched.text() };
};
