// Holds this implementation against the project's byte vectors: go test
package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"path/filepath"
	"testing"
)

type vectorFile struct {
	Frames map[string]string `json:"frames"`
	Strkey struct {
		Seed, Account, Balance string
		SeedHex                string `json:"seed_hex"`
		AccountHex             string `json:"account_hex"`
		BalanceHex             string `json:"balance_hex"`
	} `json:"strkey"`
	Network struct {
		NetworkID string `json:"network_id"`
	} `json:"network"`
	Transaction struct{ Bytes, Hash, Envelope, Framed string } `json:"transaction"`
	Genesis     struct {
		HeaderHash string `json:"header_hash"`
		File       struct {
			QuorumSet QuorumSet `json:"quorum_set"`
		} `json:"file"`
	} `json:"genesis"`
	Ledger struct {
		HeaderHash string `json:"header_hash"`
	} `json:"ledger"`
	Chain struct{ Records []string } `json:"chain"`
}

func open(t *testing.T) (vectors vectorFile) {
	t.Helper()
	if err := readJSON(filepath.Join(schemasFolder(), "vectors", "vectors.json"), &vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func same(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	if hex.EncodeToString(got) != want {
		t.Errorf("%s: got %x, want %s", what, got, want)
	}
}

func TestKeys(t *testing.T) {
	given := open(t).Strkey
	seed, account := mustDecode('S', given.Seed), mustDecode('G', given.Account)
	balance := balanceID(Hash(unhex(t, open(t).Network.NetworkID)), account, "EUR", 0)
	same(t, "seed", seed[:], given.SeedHex)
	same(t, "account", account[:], given.AccountHex)
	same(t, "public key", ed25519.NewKeyFromSeed(seed[:])[32:], given.AccountHex)
	same(t, "balance", balance[:], given.BalanceHex)
	if mustDecode('B', given.Balance) != balance {
		t.Error("the balance's strkey is another balance")
	}
}

func TestTransaction(t *testing.T) {
	vectors := open(t)
	given, seed := vectors.Transaction, mustDecode('S', vectors.Strkey.Seed)
	raw := unhex(t, given.Bytes)
	var decoded any
	if err := canonical.Unmarshal(transactionSchema, raw, &decoded); err != nil {
		t.Fatal(err)
	}
	encoded, err := canonical.Marshal(transactionSchema, decoded)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "transaction", encoded, given.Bytes)
	networkID := Hash(unhex(t, vectors.Network.NetworkID))
	envelope, signed, err := signTransaction(networkID, raw, ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "hash", signed[:], given.Hash)
	same(t, "envelope", envelope, given.Envelope)
	same(t, "framed", append(frameHead(envelopeSchema), envelope...), given.Framed)
}

func TestChain(t *testing.T) {
	vectors := open(t)
	start := func() *Chain {
		return &Chain{
			NetworkID:   Hash(unhex(t, vectors.Network.NetworkID)),
			GenesisHash: Hash(unhex(t, vectors.Genesis.HeaderHash)),
			QuorumSet:   vectors.Genesis.File.QuorumSet,
		}
	}
	chain := start()
	for _, record := range vectors.Chain.Records {
		ledger, err := chain.Accept(unhex(t, record))
		if err != nil {
			t.Fatal(err)
		}
		if repeat, err := chain.Accept(unhex(t, record)); repeat != nil || err != nil {
			t.Error("a repeat is another ledger", err)
		}
		if ledger.Sequence == uint64(len(vectors.Chain.Records)) {
			same(t, "header hash", ledger.HeaderHash[:], vectors.Ledger.HeaderHash)
		}
	}
}

func TestNoForgery(t *testing.T) {
	vectors := open(t)
	genesis, record := unhex(t, vectors.Chain.Records[0]), unhex(t, vectors.Chain.Records[1])
	for at := range record {
		chain := &Chain{
			NetworkID:   Hash(unhex(t, vectors.Network.NetworkID)),
			GenesisHash: Hash(unhex(t, vectors.Genesis.HeaderHash)),
			QuorumSet:   vectors.Genesis.File.QuorumSet,
		}
		if _, err := chain.Accept(genesis); err != nil {
			t.Fatal(err)
		}
		forged := bytes.Clone(record)
		forged[at] ^= 1
		if ledger, err := chain.Accept(forged); ledger != nil && err == nil {
			t.Fatalf("byte %d was changed and nobody noticed", at)
		}
	}
}
