import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.HexFormat;

/** Holds this implementation against the project's byte vectors. */
public final class CheckVectors {
    private CheckVectors() {}

    public static void main(String[] arguments) throws Exception {
        JsonNode vectors = new ObjectMapper().readTree(Tokend.SCHEMAS.resolve("vectors/vectors.json").toFile());
        JsonNode keys = vectors.get("strkey");
        byte[] seed = Tokend.readStrkey('S', keys.get("seed").asText());
        byte[] account = Tokend.readStrkey('G', keys.get("account").asText());
        byte[] networkId = getBytes(vectors.get("network"), "network_id");
        same(seed, keys.get("seed_hex"));
        same(account, keys.get("account_hex"));
        same(Tokend.getPublicKey(seed), keys.get("account_hex"));
        same(Tokend.computeBalanceId(networkId, account, "EUR"), keys.get("balance_hex"));

        JsonNode transaction = vectors.get("transaction");
        byte[] bytes = getBytes(transaction, "bytes");
        byte[] hash = Tokend.computeTransactionHash(networkId, bytes);
        byte[] envelope = Tokend.makeEnvelope(bytes, account, Tokend.sign(seed, hash));
        same(Tokend.encode(Tokend.decode(Tokend.TRANSACTION, bytes)), transaction.get("bytes"));
        same(hash, transaction.get("hash"));
        same(envelope, transaction.get("envelope"));
        same(Tokend.concat(Tokend.getFrame(Tokend.ENVELOPE), envelope), transaction.get("framed"));

        JsonNode genesis = vectors.get("genesis");
        var quorumSet = Chain.QuorumSet.read(genesis.get("file").get("quorum_set"));
        var chain = new Chain(networkId, getBytes(genesis, "header_hash"), quorumSet);
        byte[] last = null;
        for (JsonNode record : vectors.get("chain").get("records")) {
            last = chain.accept(HexFormat.of().parseHex(record.asText())).headerHash();
        }
        same(last, vectors.get("ledger").get("header_hash"));
        System.out.println("all vectors hold");
    }

    private static byte[] getBytes(JsonNode object, String name) {
        return HexFormat.of().parseHex(object.get(name).asText());
    }

    private static void same(byte[] found, JsonNode expected) {
        if (!HexFormat.of().formatHex(found).equals(expected.asText())) {
            throw new IllegalStateException(HexFormat.of().formatHex(found) + " is not " + expected);
        }
    }
}
