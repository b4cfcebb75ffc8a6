// Compiles Solidity: `node compile.mjs NODE_MODULES FILE.sol [CONTRACT...]` prints {"Contract":
// {"creation": hex}} as JSON. Imports come from NODE_MODULES; nothing is fetched.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, resolve } from "node:path";

const [modules, file, ...wanted] = process.argv.slice(2);
const solc = createRequire(resolve(modules, "x.js"))("solc");
const settings = {
  optimizer: { enabled: true, runs: 200 },
  evmVersion: "cancun",
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: { "*": { "*": ["evm.bytecode.object"] } },
};
const sources = { [basename(file)]: { content: readFileSync(file, "utf8") } };
const input = JSON.stringify({ language: "Solidity", sources, settings });
const find = (path) => ({ contents: readFileSync(resolve(modules, path), "utf8") });
const output = JSON.parse(solc.compile(input, { import: find }));
const errors = (output.errors ?? []).filter((each) => each.severity === "error");
if (errors.length) {
  process.stderr.write(errors.map((each) => each.formattedMessage).join("\n"));
  process.exit(1);
}
const made = output.contracts[basename(file)];
const names = wanted.length ? wanted : Object.keys(made).filter((each) => made[each].evm.bytecode.object);
const result = Object.fromEntries(names.sort().map((each) => [each, { creation: made[each].evm.bytecode.object }]));
process.stdout.write(JSON.stringify(result, null, 1) + "\n");
