import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Pays by POST, and finds the payment in a node's verified ledgers. Arguments: ENDPOINTS SEED_FILE TO UNITS ASSET;
 * ENDPOINTS is the endpoints.json that `tokend up` writes, UNITS are the asset's smallest.
 */
public final class Pay {
    private static final int WAIT_SECONDS = 60;

    private Pay() {}

    public static void main(String[] arguments) throws Exception {
        JsonNode endpoints = new ObjectMapper().readTree(Path.of(arguments[0]).toFile());
        byte[] seed = Tokend.readStrkey('S', Files.readString(Path.of(arguments[1])).strip());
        byte[] networkId = HexFormat.of().parseHex(endpoints.get("network_id").asText());
        byte[] account = Tokend.getPublicKey(seed);
        byte[] payee = Tokend.readStrkey('G', arguments[2]);
        byte[] transaction = makePayment(networkId, account, payee, arguments[3], arguments[4]);
        byte[] wanted = Tokend.computeTransactionHash(networkId, transaction);
        post(endpoints, Tokend.makeEnvelope(transaction, account, Tokend.sign(seed, wanted)));
        follow(endpoints, networkId, wanted);
    }

    private static byte[] makePayment(byte[] networkId, byte[] account, byte[] payee, String units, String asset)
            throws Exception {
        Schema step = Tokend.TRANSACTION.getField("operations").schema().getElementType();
        Schema kind = find(step.getField("body").schema(), "Payment");
        Schema toAccount = find(kind.getField("destination").schema(), "PaymentToAccount");
        GenericRecord destination = make(toAccount, Map.of("account_id", payee));
        GenericRecord payment = make(kind, Map.of(
                "source_balance", Tokend.computeBalanceId(networkId, account, asset),
                "destination", destination,
                "amount", Tokend.toAmount(units),
                "subject", "")); // fee_data and reference stay absent
        byte[] salt = new byte[8];
        new SecureRandom().nextBytes(salt);
        return Tokend.encode(make(Tokend.TRANSACTION, Map.of(
                "network_id", networkId,
                "source_account", account,
                "salt", salt,
                "min_time_ms", Tokend.toU64(0),
                "max_time_ms", Tokend.toU64(System.currentTimeMillis() + 5 * 60_000),
                "memo", "",
                "operations", List.of(make(step, Map.of("body", payment))))));
    }

    /** A record; byte arrays become its `fixed` fields. */
    private static GenericRecord make(Schema schema, Map<String, Object> fields) {
        var record = new GenericData.Record(schema);
        fields.forEach((name, value) ->
                record.put(name, value instanceof byte[] bytes ? Tokend.makeFixed(schema, name, bytes) : value));
        return record;
    }

    private static Schema find(Schema union, String name) {
        return union.getTypes().stream().filter(each -> each.getName().equals(name)).findFirst().orElseThrow();
    }

    /** May be repeated as often as you like: the transaction counts once. */
    private static void post(JsonNode endpoints, byte[] envelope) throws Exception {
        String gateway = endpoints.get("services").get("gateway1").get("url").asText();
        HttpRequest request = HttpRequest.newBuilder(URI.create(gateway + "/v3/transactions"))
                .header("Content-Type", "application/avro")
                .POST(HttpRequest.BodyPublishers.ofByteArray(envelope))
                .build();
        HttpResponse<String> response =
                HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        if (response.statusCode() != 200 && response.statusCode() != 202) {
            throw new IllegalStateException(response.statusCode() + " " + response.body());
        }
    }

    private static void follow(JsonNode endpoints, byte[] networkId, byte[] wanted) throws Exception {
        JsonNode genesis = new ObjectMapper().readTree(Path.of(endpoints.get("genesis_file").asText()).toFile());
        byte[] genesisHash = HexFormat.of().parseHex(endpoints.get("genesis_hash").asText());
        Chain chain = new Chain(networkId, genesisHash, Chain.QuorumSet.read(genesis.get("quorum_set")));
        var ledgers = new TopicPartition(endpoints.get("ledgers_topics").get(0).asText(), 0);
        try (var consumer = new KafkaConsumer<byte[], byte[]>(getSettings(endpoints.get("kafka")))) {
            consumer.assign(List.of(ledgers));
            consumer.seekToBeginning(List.of(ledgers));
            long end = System.nanoTime() + Duration.ofSeconds(WAIT_SECONDS).toNanos();
            while (System.nanoTime() < end) {
                for (var message : consumer.poll(Duration.ofSeconds(1))) {
                    Chain.Ledger ledger = chain.accept(message.value());
                    String code = ledger == null ? null : ledger.findCode(wanted);
                    if (code != null) {
                        report(ledger, code);
                        return;
                    }
                }
            }
        }
        throw new IllegalStateException("the payment did not come");
    }

    private static Map<String, Object> getSettings(JsonNode kafka) throws Exception {
        String password = Files.readString(Path.of(kafka.get("password_file").asText())).strip();
        String login = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"%s\" password=\"%s\";";
        return Map.of(
                "bootstrap.servers", kafka.get("bootstrap_servers").asText(),
                "security.protocol", "SASL_PLAINTEXT",
                "sasl.mechanism", "SCRAM-SHA-512",
                "sasl.jaas.config", login.formatted(kafka.get("user").asText(), password),
                "enable.auto.commit", false,
                "key.deserializer", ByteArrayDeserializer.class,
                "value.deserializer", ByteArrayDeserializer.class);
    }

    private static void report(Chain.Ledger ledger, String code) {
        String hash = HexFormat.of().formatHex(ledger.headerHash());
        System.out.printf("ledger %d %s: %s%n", ledger.sequence(), hash, code);
        System.out.printf("verified from the genesis on, signed by %d validators%n", ledger.signatures());
        if (!code.equals("SUCCESS")) {
            throw new IllegalStateException("the payment took no effect");
        }
    }
}
