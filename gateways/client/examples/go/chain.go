// The verified chain of ledgers: it believes what the validators signed.
package main

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
)

type QuorumSet struct {
	Threshold  int         `json:"threshold"`
	Validators []string    `json:"validators"`
	InnerSets  []QuorumSet `json:"inner_sets"`
}

// Chain is the last ledger that is known to be true. GenesisHash is what is trusted.
type Chain struct {
	NetworkID, GenesisHash Hash
	QuorumSet              QuorumSet // of the genesis file

	sequence, closeTimeMs  uint64
	headerHash, quorumHash Hash
}

type Ledger struct {
	Sequence   uint64
	HeaderHash Hash
	Signatures int
	Body       LedgerBody
}

// Accept takes the next message of a ledgers topic; of a repeat it returns nil.
func (c *Chain) Accept(message []byte) (*Ledger, error) {
	framed, ok := bytes.CutPrefix(message, recordHead)
	if !ok {
		return nil, fmt.Errorf("not a framed LedgerRecord")
	}
	var record LedgerRecord
	var header LedgerHeader
	if err := canonical.Unmarshal(recordSchema, framed, &record); err != nil {
		return nil, err
	}
	if err := canonical.Unmarshal(headerSchema, record.Header, &header); err != nil {
		return nil, err
	}
	sequence, headerHash := fromU64(header.Sequence), hash(record.Header)
	if sequence <= c.sequence {
		return nil, nil
	}
	if err := c.check(header, headerHash, record); err != nil {
		return nil, fmt.Errorf("ledger %d: %w", sequence, err)
	}
	c.sequence, c.headerHash, c.closeTimeMs = sequence, headerHash, fromU64(header.CloseTimeMs)
	ledger := &Ledger{sequence, headerHash, len(record.Certificate.Signatures), LedgerBody{}}
	return ledger, canonical.Unmarshal(bodySchema, record.Body, &ledger.Body)
}

func (c *Chain) check(header LedgerHeader, headerHash Hash, record LedgerRecord) error {
	switch {
	case fromU64(header.Sequence) != c.sequence+1:
		return fmt.Errorf("ledger %d was due", c.sequence+1)
	case header.NetworkID != c.NetworkID:
		return fmt.Errorf("it is of another network")
	case header.PreviousHeaderHash != c.headerHash:
		return fmt.Errorf("it builds on another ledger")
	case fromU64(header.CloseTimeMs) <= c.closeTimeMs:
		return fmt.Errorf("its close time does not pass the last")
	case header.BodyHash != hash(record.Body):
		return fmt.Errorf("the body is not the header's")
	}
	if c.sequence == 0 {
		if headerHash != c.GenesisHash {
			return fmt.Errorf("it is another genesis")
		}
		c.quorumHash = header.QuorumSetHash
		return nil
	}
	if header.QuorumSetHash != c.quorumHash {
		return fmt.Errorf("the quorum set changed: pin a newer header")
	}
	return c.checkCertificate(headerHash, record)
}

// checkCertificate: ascending by node, members only, enough of them, every signature true.
func (c *Chain) checkCertificate(headerHash Hash, record LedgerRecord) error {
	sequence := toU64(c.sequence + 1)
	signed := bytes.Join([][]byte{
		[]byte("tokend-header"), c.NetworkID[:], sequence[:], headerHash[:],
	}, nil)
	members, signers := c.QuorumSet.members(), map[Hash]bool{}
	var last []byte
	for _, each := range record.Certificate.Signatures {
		if bytes.Compare(last, each.NodeID[:]) >= 0 || !members[each.NodeID] {
			return fmt.Errorf("a signer is out of order or no validator")
		}
		if !ed25519.Verify(each.NodeID[:], signed, each.Signature[:]) {
			return fmt.Errorf("a signature of the certificate is false")
		}
		signers[each.NodeID], last = true, bytes.Clone(each.NodeID[:])
	}
	if !c.QuorumSet.isSatisfied(signers) {
		return fmt.Errorf("too few validators signed")
	}
	return nil
}

func (q QuorumSet) members() map[Hash]bool {
	found := map[Hash]bool{}
	for _, validator := range q.Validators {
		found[mustDecode('G', validator)] = true
	}
	for _, inner := range q.InnerSets {
		for node := range inner.members() {
			found[node] = true
		}
	}
	return found
}

func (q QuorumSet) isSatisfied(signers map[Hash]bool) bool {
	count := 0
	for _, validator := range q.Validators {
		if signers[mustDecode('G', validator)] {
			count++
		}
	}
	for _, inner := range q.InnerSets {
		if inner.isSatisfied(signers) {
			count++
		}
	}
	return count >= q.Threshold
}
