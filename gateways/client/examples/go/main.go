// Pays by POST, and finds the payment in a node's verified ledgers:
//
//	go run . ENDPOINTS SEED_FILE TO UNITS ASSET
//
// ENDPOINTS is the endpoints.json that `tokend up` writes; UNITS are the asset's smallest.
package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

type Endpoints struct {
	NetworkID     string   `json:"network_id"`
	GenesisHash   string   `json:"genesis_hash"`
	GenesisFile   string   `json:"genesis_file"`
	LedgersTopics []string `json:"ledgers_topics"`
	Services      map[string]struct {
		URL string `json:"url"`
	} `json:"services"`
	Kafka struct {
		BootstrapServers string `json:"bootstrap_servers"`
		User             string `json:"user"`
		PasswordFile     string `json:"password_file"`
	} `json:"kafka"`
}

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: go run . ENDPOINTS SEED_FILE TO UNITS ASSET")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(endpointsFile, seedFile, to, units, asset string) error {
	var endpoints Endpoints
	if err := readJSON(endpointsFile, &endpoints); err != nil {
		return err
	}
	seed, err := readSeed(seedFile)
	if err != nil {
		return err
	}
	networkID, err := readHash(endpoints.NetworkID)
	if err != nil {
		return err
	}
	transaction, err := makePayment(networkID, seed, to, units, asset)
	if err != nil {
		return err
	}
	envelope, wanted, err := signTransaction(networkID, transaction, seed)
	if err != nil {
		return err
	}
	if err := post(endpoints.Services["gateway1"].URL, envelope); err != nil {
		return err
	}
	return follow(endpoints, networkID, wanted)
}

func makePayment(networkID Hash, key ed25519.PrivateKey, to, units, asset string) ([]byte, error) {
	payee, err := decodeStrkey('G', to)
	if err != nil {
		return nil, err
	}
	amount, err := toAmount(units)
	if err != nil {
		return nil, err
	}
	var salt U64
	rand.Read(salt[:])
	account := Hash(key.Public().(ed25519.PublicKey))
	payment := map[string]any{
		"source_balance": balanceID(networkID, account, asset, 0),
		"destination": map[string]any{
			"tokend.operations.PaymentToAccount": map[string]any{"account_id": payee},
		},
		"amount":    amount,
		"fee_data":  nil,
		"subject":   "",
		"reference": nil,
	}
	return canonical.Marshal(transactionSchema, map[string]any{
		"network_id":     networkID,
		"source_account": account,
		"salt":           salt,
		"min_time_ms":    toU64(0),
		"max_time_ms":    toU64(uint64(time.Now().Add(5 * time.Minute).UnixMilli())),
		"memo":           "",
		"operations": []any{map[string]any{
			"source": nil,
			"body":   map[string]any{"tokend.operations.Payment": payment},
		}},
	})
}

// post may be repeated as often as you like: the transaction counts once.
func post(gateway string, envelope []byte) error {
	response, err := http.Post(gateway+"/v3/transactions", "application/avro", bytes.NewReader(envelope))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusAccepted {
		problem, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s: %s", response.Status, problem)
	}
	return nil
}

func follow(endpoints Endpoints, networkID, wanted Hash) error {
	chain, err := openChain(endpoints, networkID)
	if err != nil {
		return err
	}
	password, err := os.ReadFile(endpoints.Kafka.PasswordFile)
	if err != nil {
		return err
	}
	login := scram.Auth{User: endpoints.Kafka.User, Pass: strings.TrimSpace(string(password))}
	start := map[int32]kgo.Offset{0: kgo.NewOffset().AtStart()}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(endpoints.Kafka.BootstrapServers, ",")...),
		kgo.SASL(login.AsSha512Mechanism()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{endpoints.LedgersTopics[0]: start}),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("the payment did not come: %w", err)
		}
		for _, message := range fetches.Records() {
			ledger, err := chain.Accept(message.Value)
			if err != nil {
				return err
			}
			if ledger == nil { // a repeat
				continue
			}
			if code := ledger.find(wanted); code != "" {
				return report(ledger, code)
			}
		}
	}
}

// find returns the code of the transaction's result, or nothing if it is not in this ledger.
func (l *Ledger) find(wanted Hash) string {
	for _, each := range l.Body.Transactions {
		if each.TransactionHash == wanted {
			return each.Result.Code
		}
	}
	return ""
}

func report(ledger *Ledger, code string) error {
	fmt.Printf("ledger %d %x: %s\n", ledger.Sequence, ledger.HeaderHash, code)
	fmt.Printf("verified from the genesis on, signed by %d validators\n", ledger.Signatures)
	if code != "SUCCESS" {
		return fmt.Errorf("the payment took no effect")
	}
	return nil
}

func openChain(endpoints Endpoints, networkID Hash) (*Chain, error) {
	var genesis struct {
		QuorumSet QuorumSet `json:"quorum_set"`
	}
	if err := readJSON(endpoints.GenesisFile, &genesis); err != nil {
		return nil, err
	}
	genesisHash, err := readHash(endpoints.GenesisHash)
	chain := &Chain{NetworkID: networkID, GenesisHash: genesisHash, QuorumSet: genesis.QuorumSet}
	return chain, err
}

func readJSON(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func readSeed(file string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	seed, err := decodeStrkey('S', strings.TrimSpace(string(text)))
	return ed25519.NewKeyFromSeed(seed[:]), err
}

func readHash(text string) (Hash, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(Hash{}) {
		return Hash{}, fmt.Errorf("%q is no hash", text)
	}
	return Hash(raw), nil
}
