// `node contracts.mjs NODE_MODULES` prints what is deployed on test chains: {"Contract":
// {"creation": hex}}. Ours are compiled; Safe's are as Safe compiled them.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const modules = process.argv[2];
const here = dirname(fileURLToPath(import.meta.url));
const made = resolve(modules, "@safe-global/safe-smart-account/build/artifacts/contracts");
const SAFE = {
  Safe: "Safe.sol",
  SafeProxyFactory: "proxies/SafeProxyFactory.sol",
  CompatibilityFallbackHandler: "handler/CompatibilityFallbackHandler.sol",
  MultiSend: "libraries/MultiSend.sol",
};
const compile = (file) =>
  JSON.parse(execFileSync(process.execPath, [resolve(here, "compile.mjs"), modules, file]));
const safe = Object.entries(SAFE).map(([name, file]) => {
  const artifact = JSON.parse(readFileSync(resolve(made, file, `${name}.json`), "utf8"));
  return [name, { creation: artifact.bytecode.replace(/^0x/, "") }];
});
const { TestToken } = compile(resolve(here, "TestToken.sol"));
process.stdout.write(JSON.stringify({ ...Object.fromEntries(safe), TestToken }, null, 1) + "\n");
