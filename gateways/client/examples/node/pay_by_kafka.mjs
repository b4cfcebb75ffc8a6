// Pays by producing to the ingest topic, and finds the payment in a node's verified ledgers:
//     node pay_by_kafka.mjs ENDPOINTS SEED_FILE TO UNITS ASSET
// ENDPOINTS is the endpoints.json that `tokend up` writes; UNITS are the asset's smallest.

import { Kafka, logLevel } from "kafkajs";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import * as tokend from "./tokend.mjs";

const [endpointsFile, seedFile, to, units, asset] = process.argv.slice(2);
const endpoints = JSON.parse(readFileSync(endpointsFile, "utf8"));
const networkId = Buffer.from(endpoints.network_id, "hex");
const key = new tokend.Key(tokend.decodeStrkey("S", readFileSync(seedFile, "utf8").trim()));

const payment = {
  source_balance: tokend.computeBalanceId(networkId, key.public, asset),
  destination: { "tokend.operations.PaymentToAccount": { account_id: tokend.decodeStrkey("G", to) } },
  amount: tokend.toAmount(units),
  fee_data: null,
  subject: "",
  reference: null,
};
const { transactionHash, envelope } = tokend.signTransaction(
  {
    network_id: networkId,
    source_account: key.public,
    salt: randomBytes(8),
    min_time_ms: tokend.toU64(0),
    max_time_ms: tokend.toU64(Date.now() + 5 * 60_000),
    memo: "",
    operations: [{ source: null, body: { "tokend.operations.Payment": payment } }],
  },
  key,
);

const kafka = new Kafka({
  brokers: endpoints.kafka.bootstrap_servers.split(","),
  logLevel: logLevel.NOTHING,
  sasl: {
    mechanism: "scram-sha-512",
    username: endpoints.kafka.user,
    password: readFileSync(endpoints.kafka.password_file, "utf8").trim(),
  },
});
const producer = kafka.producer({ idempotent: true });
await producer.connect();
const value = tokend.frame(tokend.TransactionEnvelope, envelope);
await producer.send({ topic: endpoints.ingest_topic, messages: [{ key: key.public, value }], acks: -1 });
await producer.disconnect();

const genesis = JSON.parse(readFileSync(endpoints.genesis_file, "utf8"));
const chain = new tokend.LedgerChain(networkId, Buffer.from(endpoints.genesis_hash, "hex"), genesis.quorum_set);
const consumer = kafka.consumer({ groupId: `${endpoints.kafka.user}.${randomBytes(8).toString("hex")}` });
await consumer.connect();
await consumer.subscribe({ topic: endpoints.ledgers_topics[0], fromBeginning: true });
const tooLate = setTimeout(() => finish("the payment did not come", 1), 60_000);

async function finish(text, code) {
  console.log(text);
  clearTimeout(tooLate);
  await consumer.disconnect();
  process.exit(code);
}

await consumer.run({
  autoCommit: false,
  eachMessage: async ({ message }) => {
    const ledger = chain.accept(message.value);
    const applied = ledger?.body.transactions.find((each) => each.transaction_hash.equals(transactionHash));
    if (!applied) return;
    const { code } = applied.result;
    // Not awaited: the consumer cannot stop while it waits for this very message.
    void finish(
      `ledger ${ledger.sequence} ${ledger.headerHash.toString("hex")}: ${code}\n` +
        `verified from the genesis on, signed by ${ledger.signatures} validators`,
      code === "SUCCESS" ? 0 : 1,
    );
  },
});
