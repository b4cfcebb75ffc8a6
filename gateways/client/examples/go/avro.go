// The contract's types in Go, from the project's own schemas (schemas/generated/*.avsc).
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"

	"github.com/hamba/avro/v2"
)

type (
	Hash = [32]byte
	U64  = [8]byte // unsigned, big-endian
)

type TransactionEnvelope struct {
	Transaction []byte      `avro:"transaction"`
	Signatures  []Signature `avro:"signatures"`
}

type Signature struct {
	Signer    Hash     `avro:"signer"`
	Signature [64]byte `avro:"signature"`
}

type LedgerRecord struct {
	Header      []byte `avro:"header"`
	Certificate struct {
		Signatures []struct {
			NodeID    Hash     `avro:"node_id"`
			Signature [64]byte `avro:"signature"`
		} `avro:"signatures"`
	} `avro:"certificate"`
	Body []byte `avro:"body"`
}

// The fields that a follower needs; the library skips the others.
type LedgerHeader struct {
	NetworkID          Hash `avro:"network_id"`
	Sequence           U64  `avro:"sequence"`
	PreviousHeaderHash Hash `avro:"previous_header_hash"`
	CloseTimeMs        U64  `avro:"close_time_ms"`
	BodyHash           Hash `avro:"body_hash"`
	QuorumSetHash      Hash `avro:"quorum_set_hash"`
}

// Changes are read and not skipped: a quorum set holds itself, which the library cannot skip.
type LedgerBody struct {
	Transactions []struct {
		TransactionHash Hash `avro:"transaction_hash"`
		Result          struct {
			Code string `avro:"code"`
		} `avro:"result"`
		Changes []any `avro:"changes"`
	} `avro:"transactions"`
	Changes []any `avro:"changes"`
}

// Arrays must be one block with a positive count. By default the library writes block sizes.
var canonical = avro.Config{BlockLength: 1 << 20, DisableBlockSizeHeader: true}.Freeze()

var (
	transactionSchema = loadSchema("Transaction")
	envelopeSchema    = loadSchema("TransactionEnvelope")
	recordSchema      = loadSchema("LedgerRecord")
	headerSchema      = loadSchema("LedgerHeader")
	bodySchema        = loadSchema("LedgerBody")
	recordHead        = frameHead(recordSchema)
)

// schemasFolder is that of this repository.
func schemasFolder() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..", "..", "schemas")
}

func loadSchema(name string) avro.Schema {
	text, err := os.ReadFile(filepath.Join(schemasFolder(), "generated", name+".avsc"))
	if err != nil {
		panic(err)
	}
	// A cache of its own: the schemas repeat each other's types.
	schema, err := avro.ParseBytesWithCache(text, "", &avro.SchemaCache{})
	if err != nil {
		panic(err)
	}
	return schema
}

// frameHead is what stands before a framed value: a marker and the schema's fingerprint.
func frameHead(schema avro.Schema) []byte {
	fingerprint, err := schema.FingerprintUsing(avro.CRC64AvroLE)
	if err != nil {
		panic(err)
	}
	return append([]byte{0xc3, 0x01}, fingerprint...)
}

func hash(parts ...[]byte) Hash {
	sum := sha256.New()
	for _, part := range parts {
		sum.Write(part)
	}
	return Hash(sum.Sum(nil))
}

func toU64(number uint64) (value U64) {
	binary.BigEndian.PutUint64(value[:], number)
	return value
}

func fromU64(value U64) uint64 { return binary.BigEndian.Uint64(value[:]) }
