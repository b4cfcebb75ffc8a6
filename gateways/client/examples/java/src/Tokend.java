import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.spec.NamedParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/** The contract in Java: Avro bytes from the project's schemas, hashes, strkeys, signatures. */
final class Tokend {
    /** The repository's folder `schemas`. */
    static final Path SCHEMAS = Path.of("..", "..", "..", "..", "schemas");

    static final Schema TRANSACTION = load("Transaction");
    static final Schema ENVELOPE = load("TransactionEnvelope");
    static final Schema RECORD = load("LedgerRecord");
    static final Schema HEADER = load("LedgerHeader");
    static final Schema BODY = load("LedgerBody");

    private static final String ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    private static final byte[] SEED_HEAD = HexFormat.of().parseHex("302e020100300506032b657004220420");
    private static final byte[] KEY_HEAD = HexFormat.of().parseHex("302a300506032b6570032100");

    private Tokend() {}

    private static Schema load(String name) {
        try {
            return new Schema.Parser().parse(SCHEMAS.resolve("generated/" + name + ".avsc").toFile());
        } catch (IOException error) {
            throw new IllegalStateException("run it in the example's folder", error);
        }
    }

    /** Arrays come as one block with a positive count: so does the plain (not blocking) encoder write them. */
    static byte[] encode(GenericRecord value) throws IOException {
        var out = new ByteArrayOutputStream();
        var encoder = EncoderFactory.get().directBinaryEncoder(out, null);
        new GenericDatumWriter<GenericRecord>(value.getSchema()).write(value, encoder);
        encoder.flush();
        return out.toByteArray();
    }

    static GenericRecord decode(Schema schema, byte[] bytes) throws IOException {
        var decoder = DecoderFactory.get().binaryDecoder(bytes, null);
        GenericRecord value = new GenericDatumReader<GenericRecord>(schema).read(null, decoder);
        if (!decoder.isEnd()) {
            throw new IOException("bytes too many");
        }
        return value;
    }

    /** What stands before a framed value: a marker and the schema's fingerprint. */
    static byte[] getFrame(Schema schema) throws GeneralSecurityException {
        byte[] fingerprint = SchemaNormalization.parsingFingerprint("CRC-64-AVRO", schema);
        return concat(new byte[] {(byte) 0xc3, 1}, fingerprint);
    }

    static GenericData.Fixed makeFixed(Schema record, String field, byte[] bytes) {
        return new GenericData.Fixed(record.getField(field).schema(), bytes);
    }

    /** The bytes of a field of Avro's type `fixed` or `bytes`. */
    static byte[] getBytes(GenericRecord record, String field) {
        Object value = record.get(field);
        if (value instanceof GenericData.Fixed fixed) {
            return fixed.bytes();
        }
        var bytes = new byte[((ByteBuffer) value).remaining()];
        ((ByteBuffer) value).duplicate().get(bytes);
        return bytes;
    }

    static byte[] concat(byte[]... parts) {
        var out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }

    static byte[] hash(byte[]... parts) throws GeneralSecurityException {
        return MessageDigest.getInstance("SHA-256").digest(concat(parts));
    }

    static byte[] toU64(long number) {
        return ByteBuffer.allocate(8).putLong(number).array();
    }

    static long fromU64(byte[] bytes) {
        return ByteBuffer.wrap(bytes).getLong();
    }

    /** An unsigned 128-bit number, big-endian. */
    static byte[] toAmount(String units) {
        byte[] raw = new BigInteger(units).toByteArray();
        byte[] amount = new byte[16];
        int length = Math.min(raw.length, 16);
        System.arraycopy(raw, raw.length - length, amount, 16 - length, length);
        if (!new BigInteger(1, amount).equals(new BigInteger(units))) {
            throw new IllegalArgumentException(units + " is no amount");
        }
        return amount;
    }

    /** The 32 bytes of a strkey: base32 of a version byte, them and a CRC-16 (XModem, little-endian). */
    static byte[] readStrkey(char letter, String text) {
        var bits = BigInteger.ZERO;
        for (char each : text.toCharArray()) {
            bits = bits.shiftLeft(5).add(BigInteger.valueOf(ALPHABET.indexOf(each)));
        }
        byte[] raw = HexFormat.of().parseHex(String.format("%070x", bits));
        int crc = 0;
        for (int at = 0; at < 33; at++) {
            crc ^= (raw[at] & 0xff) << 8;
            for (int bit = 0; bit < 8; bit++) {
                crc = (crc << 1 ^ ((crc & 0x8000) == 0 ? 0 : 0x1021)) & 0xffff;
            }
        }
        boolean isRight = text.length() == 56 && (raw[0] & 0xff) == ALPHABET.indexOf(letter) << 3;
        if (!isRight || (raw[33] & 0xff | (raw[34] & 0xff) << 8) != crc) {
            throw new IllegalArgumentException("not a " + letter + "... key");
        }
        return Arrays.copyOfRange(raw, 1, 33);
    }

    /** The JDK makes a pair from 32 random bytes, which are the seed. */
    static byte[] getPublicKey(byte[] seed) throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("Ed25519");
        generator.initialize(NamedParameterSpec.ED25519, new SecureRandom() {
            @Override
            public void nextBytes(byte[] bytes) {
                System.arraycopy(seed, 0, bytes, 0, bytes.length);
            }
        });
        byte[] encoded = generator.generateKeyPair().getPublic().getEncoded();
        return Arrays.copyOfRange(encoded, KEY_HEAD.length, encoded.length);
    }

    static byte[] sign(byte[] seed, byte[] message) throws GeneralSecurityException {
        PrivateKey key = KeyFactory.getInstance("Ed25519")
                .generatePrivate(new PKCS8EncodedKeySpec(concat(SEED_HEAD, seed)));
        Signature signature = Signature.getInstance("Ed25519");
        signature.initSign(key);
        signature.update(message);
        return signature.sign();
    }

    static boolean isSigned(byte[] publicKey, byte[] message, byte[] signed) throws GeneralSecurityException {
        PublicKey key = KeyFactory.getInstance("Ed25519")
                .generatePublic(new X509EncodedKeySpec(concat(KEY_HEAD, publicKey)));
        Signature signature = Signature.getInstance("Ed25519");
        signature.initVerify(key);
        signature.update(message);
        return signature.verify(signed);
    }

    static byte[] computeBalanceId(byte[] networkId, byte[] account, String asset) throws GeneralSecurityException {
        return hash("tokend-balance".getBytes(), networkId, account, asset.getBytes(), new byte[4]);
    }

    static byte[] computeTransactionHash(byte[] networkId, byte[] transaction) throws GeneralSecurityException {
        return hash("tokend-tx".getBytes(), networkId, transaction);
    }

    /** The envelope of a transaction that `account` alone signs. */
    static byte[] makeEnvelope(byte[] transaction, byte[] account, byte[] signed) throws IOException {
        Schema each = ENVELOPE.getField("signatures").schema().getElementType();
        var signature = new GenericData.Record(each);
        signature.put("signer", makeFixed(each, "signer", account));
        signature.put("signature", makeFixed(each, "signature", signed));
        var envelope = new GenericData.Record(ENVELOPE);
        envelope.put("transaction", ByteBuffer.wrap(transaction));
        envelope.put("signatures", List.of(signature));
        return encode(envelope);
    }
}
