import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import org.apache.avro.generic.GenericRecord;

/** The verified chain of ledgers: it believes what the validators signed. */
final class Chain {
    /** A threshold over validators (in hex) and sets within. */
    record QuorumSet(int threshold, List<String> validators, List<QuorumSet> innerSets) {
        /** As it stands in a genesis file. */
        static QuorumSet read(JsonNode json) {
            List<String> validators = new ArrayList<>();
            for (JsonNode each : json.path("validators")) {
                validators.add(HexFormat.of().formatHex(Tokend.readStrkey('G', each.asText())));
            }
            List<QuorumSet> innerSets = new ArrayList<>();
            json.path("inner_sets").forEach(inner -> innerSets.add(read(inner)));
            return new QuorumSet(json.get("threshold").asInt(), validators, innerSets);
        }

        boolean isSatisfied(Set<String> signers) {
            long count = validators.stream().filter(signers::contains).count();
            count += innerSets.stream().filter(inner -> inner.isSatisfied(signers)).count();
            return count >= threshold;
        }

        boolean has(String node) {
            return validators.contains(node) || innerSets.stream().anyMatch(inner -> inner.has(node));
        }
    }

    record Ledger(long sequence, byte[] headerHash, int signatures, GenericRecord body) {
        /** The code of a transaction's result, or null if it is not in this ledger. */
        String findCode(byte[] transactionHash) {
            for (Object each : (List<?>) body.get("transactions")) {
                GenericRecord applied = (GenericRecord) each;
                if (Arrays.equals(Tokend.getBytes(applied, "transaction_hash"), transactionHash)) {
                    return ((GenericRecord) applied.get("result")).get("code").toString();
                }
            }
            return null;
        }
    }

    private final byte[] networkId;
    private final byte[] genesisHash; // what is trusted
    private final QuorumSet quorumSet; // the genesis file's
    private long sequence;
    private long closeTimeMs;
    private byte[] headerHash = new byte[32];
    private byte[] quorumSetHash;

    Chain(byte[] networkId, byte[] genesisHash, QuorumSet quorumSet) {
        this.networkId = networkId;
        this.genesisHash = genesisHash;
        this.quorumSet = quorumSet;
    }

    /** The next ledger of a topic, or null for a repeat. Throws for anything that is not true. */
    Ledger accept(byte[] message) throws IOException, GeneralSecurityException {
        byte[] frame = Tokend.getFrame(Tokend.RECORD);
        check(Arrays.equals(message, 0, 10, frame, 0, 10), "not a framed LedgerRecord");
        GenericRecord record = Tokend.decode(Tokend.RECORD, Arrays.copyOfRange(message, 10, message.length));
        byte[] headerBytes = Tokend.getBytes(record, "header");
        byte[] body = Tokend.getBytes(record, "body");
        GenericRecord header = Tokend.decode(Tokend.HEADER, headerBytes);
        byte[] hash = Tokend.hash(headerBytes);
        long number = Tokend.fromU64(Tokend.getBytes(header, "sequence"));
        long closed = Tokend.fromU64(Tokend.getBytes(header, "close_time_ms"));
        if (number <= sequence) {
            return null;
        }
        check(number == sequence + 1, "ledger " + (sequence + 1) + " was due");
        check(Arrays.equals(Tokend.getBytes(header, "network_id"), networkId), "another network");
        check(Arrays.equals(Tokend.getBytes(header, "previous_header_hash"), headerHash), "it builds on another ledger");
        check(closed > closeTimeMs, "its close time does not pass the last");
        check(Arrays.equals(Tokend.getBytes(header, "body_hash"), Tokend.hash(body)), "the body is not the header's");
        List<?> signatures = (List<?>) ((GenericRecord) record.get("certificate")).get("signatures");
        if (number == 1) {
            check(Arrays.equals(hash, genesisHash), "another genesis");
            quorumSetHash = Tokend.getBytes(header, "quorum_set_hash");
        } else {
            checkCertificate(number, hash, signatures);
        }
        byte[] next = Tokend.getBytes(header, "quorum_set_hash");
        check(Arrays.equals(next, quorumSetHash), "the quorum set changed: pin a newer header");
        sequence = number;
        closeTimeMs = closed;
        headerHash = hash;
        return new Ledger(number, hash, signatures.size(), Tokend.decode(Tokend.BODY, body));
    }

    /** Ascending by node, members only, enough of them, every signature true. */
    private void checkCertificate(long number, byte[] hash, List<?> signatures) throws GeneralSecurityException {
        byte[] signed = Tokend.concat("tokend-header".getBytes(), networkId, Tokend.toU64(number), hash);
        Set<String> signers = new HashSet<>();
        String last = "";
        for (Object each : signatures) {
            byte[] node = Tokend.getBytes((GenericRecord) each, "node_id");
            String name = HexFormat.of().formatHex(node);
            check(name.compareTo(last) > 0 && quorumSet.has(name), "a signer is out of order or no validator");
            byte[] signature = Tokend.getBytes((GenericRecord) each, "signature");
            check(Tokend.isSigned(node, signed, signature), "a signature of the certificate is false");
            signers.add(name);
            last = name;
        }
        check(quorumSet.isSatisfied(signers), "too few validators signed");
    }

    private static void check(boolean holds, String problem) {
        if (!holds) {
            throw new IllegalStateException("the ledgers are not true: " + problem);
        }
    }
}
