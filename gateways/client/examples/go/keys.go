// Strkeys, ids and signed transactions.
package main

import (
	"crypto/ed25519"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"math/big"
)

var versions = map[byte]byte{'G': 6 << 3, 'S': 18 << 3, 'B': 1 << 3}

// decodeStrkey: base32 of a version byte, 32 bytes and a CRC-16 (XModem, little-endian).
func decodeStrkey(kind byte, text string) (key Hash, err error) {
	raw, err := base32.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != 35 || raw[0] != versions[kind] {
		return key, fmt.Errorf("not a %c... key", kind)
	}
	crc := uint16(0)
	for _, each := range raw[:33] {
		crc ^= uint16(each) << 8
		for range 8 {
			high := crc & 0x8000
			crc <<= 1
			if high != 0 {
				crc ^= 0x1021
			}
		}
	}
	if binary.LittleEndian.Uint16(raw[33:]) != crc {
		return key, fmt.Errorf("a character of the %c... key is mistyped", kind)
	}
	return Hash(raw[1:33]), nil
}

func mustDecode(kind byte, text string) Hash {
	key, err := decodeStrkey(kind, text)
	if err != nil {
		panic(err)
	}
	return key
}

func balanceID(networkID, account Hash, asset string, index uint32) Hash {
	number := binary.BigEndian.AppendUint32(nil, index)
	return hash([]byte("tokend-balance"), networkID[:], account[:], []byte(asset), number)
}

func transactionHash(networkID Hash, transaction []byte) Hash {
	return hash([]byte("tokend-tx"), networkID[:], transaction)
}

// signTransaction returns the envelope's bytes, and the hash that names the transaction everywhere.
func signTransaction(networkID Hash, transaction []byte, key ed25519.PrivateKey) ([]byte, Hash, error) {
	signed := transactionHash(networkID, transaction)
	signature := Signature{Hash(key.Public().(ed25519.PublicKey)), [64]byte(ed25519.Sign(key, signed[:]))}
	envelope, err := canonical.Marshal(envelopeSchema, TransactionEnvelope{transaction, []Signature{signature}})
	return envelope, signed, err
}

// toAmount: units of the asset as an unsigned 128-bit number.
func toAmount(units string) (amount [16]byte, err error) {
	number, ok := new(big.Int).SetString(units, 10)
	if !ok || number.Sign() < 0 || number.BitLen() > 128 {
		return amount, fmt.Errorf("%q is no amount", units)
	}
	number.FillBytes(amount[:])
	return amount, nil
}
