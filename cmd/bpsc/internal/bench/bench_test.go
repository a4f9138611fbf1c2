package bench

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/loadgen"
	"github.com/bpsc/bpsc/wallet"
)

// read reads a request as a server does.
func read(t require.TestingT, text []byte) (*http.Request, []byte) {
	r := bufio.NewReader(bytes.NewReader(text))
	req, err := http.ReadRequest(r)
	require.NoError(t, err)
	body, err := io.ReadAll(req.Body)
	require.NoError(t, err)
	_, err = r.ReadByte()
	require.ErrorIs(t, err, io.EOF, "nothing is behind the body")
	return req, body
}

const testHead = "POST /v1/transactions HTTP/1.1\r\nHost: x\r\n"

func TestSingleTransfersAreRequests(t *testing.T) {
	for _, payload := range []int{0, 10, 200, 256, 320} {
		for _, decimals := range []int{0, 6} {
			contract := chain.Contract{Decimals: decimals}
			o := &options{wallets: 2, seed: 1}
			s := newSingleSource(testHead, "run-1-2-", textOf(&contract), payload, o.pick(0))
			keys := map[string]bool{}
			for range 100 {
				req, body := read(t, s.Next())
				tx, err := chain.DecodeTransaction(body, decimals)
				require.NoError(t, err, "%s", body)
				require.NotEqual(t, tx.Sender, tx.Recipient)
				require.Positive(t, tx.Amount)
				if payload >= 100 {
					require.Len(t, body, payload)
				}
				key := req.Header.Get("Idempotency-Key")
				require.False(t, keys[key], "a key of its own")
				keys[key] = true
				id := sha256.Sum256([]byte(key))
				require.NoError(t, s.Check(201, fmt.Appendf(nil, `{"id":"%x","status":"final"}`, id)))
				require.Error(t, s.Check(201, fmt.Appendf(nil, `{"id":"%x","status":"final"}`, sha256.Sum256([]byte("another")))))
				require.Error(t, s.Check(201, fmt.Appendf(nil, `{"id":"%x","status":"pending"}`, id)))
				require.Error(t, s.Check(201, []byte("{}")))
			}
		}
	}
}

func TestBatchesAreRequests(t *testing.T) {
	o := &options{wallets: 50, seed: 7, zipf: 1.3}
	s := newBatchSource(testHead, transferText, 20, 3, o.pick(4))
	seen := map[string]bool{}
	for range 6 {
		_, body := read(t, s.Next())
		var batch struct{ Transactions []json.RawMessage }
		require.NoError(t, json.Unmarshal(body, &batch))
		require.Len(t, batch.Transactions, 20)
		for _, text := range batch.Transactions {
			_, err := chain.DecodeTransaction(text, 6)
			require.NoError(t, err, "%s", text)
		}
		seen[string(body)] = true
	}
	require.Len(t, seen, 3)
}

func TestTheAnswerToABatch(t *testing.T) {
	const final, unknown, not, refused = `{"status":"final"}`, `{"status":"unknown","code":"outcome_unknown"}`, `{"status":"not_applied","code":"no_leader"}`, `{"status":"refused","code":"x"}`
	for name, c := range map[string]struct {
		items   []string
		failure *loadgen.Failure
		wrong   bool
	}{
		"all are final":           {items: []string{final, final}},
		"nobody knows of one":     {items: []string{final, unknown}, failure: &loadgen.Failure{Code: "outcome_unknown", Effect: true}},
		"a part is applied":       {items: []string{final, not}, failure: &loadgen.Failure{Code: "no_leader", Effect: true}},
		"none is applied":         {items: []string{not, not}, failure: &loadgen.Failure{Code: "no_leader"}},
		"the ledger refuses one":  {items: []string{final, refused}, wrong: true},
		"there are fewer results": {items: []string{final}, wrong: true},
		"there are more of them":  {items: []string{final, final, final}, wrong: true},
		"there is nothing at all": {wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkBatch([]byte(`{"results":[`+strings.Join(c.items, ",")+`]}`), 2)
			failure := new(loadgen.Failure)
			switch {
			case c.failure != nil:
				require.ErrorAs(t, err, &failure)
				require.Equal(t, c.failure, failure)
			case c.wrong:
				require.Error(t, err)
				require.False(t, errors.As(err, &failure))
			default:
				require.NoError(t, err)
			}
		})
	}
}

func testSigner(t *testing.T) *signer {
	o := &options{Options: &cli.Options{}, wallets: 5, seed: 3}
	target := &target{contract: client.ContractInfo{Contract: chain.DefaultContract(), ChainID: chain.Hash{1}, Time: time.Now()}}
	s, err := newSigner(o, target)
	require.NoError(t, err)
	return s
}

// What was signed beforehand is sent once, by whoever comes first, and verifies.
func TestSignedTransfersVerify(t *testing.T) {
	s := testSigner(t)
	o := &options{wallets: 5, seed: 3}
	all, err := s.sign(t.Context(), 20, 1, o.pick)
	require.NoError(t, err)
	sources := []loadgen.Source{
		&presignedSource{all: all, head: testHead, batch: 1}, &presignedSource{all: all, head: testHead, batch: 1},
		&signingSource{signer: s, pick: o.pick(9), head: testHead, batch: 1},
	}
	ids := map[chain.ID]bool{}
	for i := range 30 {
		source := sources[i%3]
		_, body := read(t, source.Next())
		tx, err := chain.DecodeTransaction(body, 6)
		require.NoError(t, err)
		id, err := wallet.Verify(&tx, s.target.contract.ChainID, 6)
		require.NoError(t, err)
		require.False(t, ids[id], "a nonce of its own")
		ids[id] = true
		require.NoError(t, source.Check(201, []byte(`{"id":"`+hex.EncodeToString(id[:])+`","status":"final"}`)))
	}
	require.Nil(t, sources[0].Next())
}

func TestSignedBatches(t *testing.T) {
	s := testSigner(t)
	o := &options{wallets: 5, seed: 3}
	all, err := s.sign(t.Context(), 25, 10, o.pick)
	require.NoError(t, err)
	require.Len(t, all.bodies, 3)
	_, body := read(t, (&presignedSource{all: all, head: testHead, batch: 10}).Next())
	var batch struct{ Transactions []json.RawMessage }
	require.NoError(t, json.Unmarshal(body, &batch))
	require.Len(t, batch.Transactions, 10)
}

// The same seed draws the same, and no wallet pays itself.
func TestPickers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := &options{seed: rapid.Uint64().Draw(t, "seed"), wallets: rapid.IntRange(2, 1000).Draw(t, "wallets")}
		if rapid.Bool().Draw(t, "zipf") {
			o.zipf = rapid.Float64Range(1.01, 3).Draw(t, "exponent")
		}
		connection := rapid.IntRange(0, 100).Draw(t, "connection")
		a, b := o.pick(connection), o.pick(connection)
		for range 50 {
			sender, recipient := a.pair()
			again, other := b.pair()
			if sender != again || recipient != other {
				t.Fatal("drawn differently")
			}
			if sender == recipient || max(sender, recipient) >= o.wallets || min(sender, recipient) < 0 {
				t.Fatalf("%d pays %d", sender, recipient)
			}
			if amount := a.amount(); amount != b.amount() || amount < 100_000 || amount > 999_999 {
				t.Fatalf("an amount of %d", amount)
			}
		}
	})
}

func TestZipfPrefersFew(t *testing.T) {
	o := &options{seed: 1, wallets: 1000, zipf: 1.2}
	p, first := o.pick(0), 0
	for range 10_000 {
		if p.wallet() < 10 {
			first++
		}
	}
	require.Greater(t, first, 4000)
}

func TestItIsHarmless(t *testing.T) {
	for name, c := range map[string]struct {
		servers, allowed []string
		refused          bool
	}{
		"this machine":           {servers: []string{"127.0.0.1:5000", "http://localhost:1", "https://[::1]:5"}},
		"another":                {servers: []string{"http://127.0.0.1:1", "http://10.0.0.7:5000"}, refused: true},
		"a name":                 {servers: []string{"ledger.example:5000"}, refused: true},
		"one that is named":      {servers: []string{"https://ledger.example"}, allowed: []string{"ledger.example"}},
		"while another is meant": {servers: []string{"https://ledger.example"}, allowed: []string{"ledger2.example"}, refused: true},
		"no address":             {servers: []string{"http://%zz"}, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			o := &options{Options: &cli.Options{Servers: c.servers}, allowed: c.allowed}
			err := o.harmless()
			require.Equal(t, c.refused, err != nil)
			if err != nil {
				require.ErrorIs(t, err, cli.ErrUsage)
			}
		})
	}
}

// What members say of where they are is loaded no more than what was named, and told the
// token no more than others.
func TestWhereMembersAreIsJudgedToo(t *testing.T) {
	c, err := client.New("127.0.0.1:1")
	require.NoError(t, err)
	running := &target{client: c}
	o := &options{Options: &cli.Options{}}
	require.NoError(t, o.mayLoad(running, []string{"http://127.0.0.1:2"}))
	require.ErrorIs(t, o.mayLoad(running, []string{"http://127.0.0.1:2", "http://10.0.0.7:5000"}), cli.ErrUsage)
	o.allowed = []string{"10.0.0.7"}
	require.NoError(t, o.mayLoad(running, []string{"http://10.0.0.7:5000"}))
	running.token = "secret"
	require.ErrorIs(t, o.mayLoad(running, []string{"http://10.0.0.7:5000"}), client.ErrTokenInClear)
	require.NoError(t, o.mayLoad(running, []string{"https://10.0.0.7:5000"}))
}

func TestAContractThatIsSignedNeedsAKey(t *testing.T) {
	signed := &target{contract: client.ContractInfo{Contract: chain.DefaultContract()}}
	require.ErrorIs(t, (&options{}).checkContract(signed), cli.ErrUsage)
	require.NoError(t, (&options{keyFile: "f"}).checkContract(signed))
	open := &target{contract: client.ContractInfo{Contract: chain.Contract{Wallets: chain.OpenWallets}}}
	require.NoError(t, (&options{}).checkContract(open))
	require.ErrorIs(t, (&options{presign: 1}).checkContract(open), cli.ErrUsage)
}

func TestCostsAreCharged(t *testing.T) {
	at := time.Now()
	before := &usage{at: at, self: time.Second, members: map[string]float64{"n1": 5, "n2": 7, "n3": 0}, leader: "n2"}
	after := &usage{at: at.Add(2 * time.Second), self: 1200 * time.Millisecond, members: map[string]float64{"n1": 5.5, "n2": 8, "n3": 0.3}, leader: "n2"}
	c := costs(before, after, 100_000)
	require.InDelta(t, 2, c.Generator, 1e-6)
	require.InDelta(t, 10, c.Leader, 1e-6)
	require.InDelta(t, 8, c.Others, 1e-6)
	require.InDelta(t, 1, c.Busy, 1e-6)
	after.leader = "" // nobody knows at the end
	require.InDelta(t, 10, costs(before, after, 100_000).Leader, 1e-6)
}

func TestTheMedianRound(t *testing.T) {
	r := median([]*row{{Rate: 30}, {Rate: 10}, {Rate: 20}})
	require.Equal(t, []float64{20, 10, 30}, []float64{r.Rate, r.Slowest, r.Fastest})
}

// A round that is not shown hides nothing of what went wrong in it.
func TestFailuresOfAllRoundsAreShown(t *testing.T) {
	r := median([]*row{
		{Rate: 30, Failures: map[string]uint64{}},
		{Rate: 10, Failures: map[string]uint64{"timeout": 3, "queue_full": 1}, Failed: 4, Retried: 1, Unsent: 5, Unknown: 3, Elections: 1},
		{Rate: 20, Failures: map[string]uint64{"timeout": 2}, Failed: 2, Unknown: 2},
	})
	require.InDelta(t, 20, r.Rate, 0)
	require.Equal(t, map[string]uint64{"timeout": 5, "queue_full": 1}, r.Failures)
	require.Equal(t, []uint64{6, 1, 5, 5, 1}, []uint64{r.Failed, r.Retried, r.Unsent, r.Unknown, r.Elections})
}

func TestFailoverIsSummedUp(t *testing.T) {
	r := &failover{Kills: 3, All: []float64{30, 10, 20}}
	r.sum()
	require.Equal(t, []float64{20, 30, 30}, []float64{r.Median, r.P99, r.Worst})
	require.Equal(t, []float64{30, 10, 20}, r.All, "in the order of the kills")
	r = &failover{}
	for i := range 200 {
		r.All = append(r.All, float64(i+1))
	}
	r.sum()
	require.Equal(t, []float64{101, 198, 200}, []float64{r.Median, r.P99, r.Worst})
}

// A picture is XML whose every number is one, whatever was measured.
func TestPictures(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &row{Load: "open", To: toLeader, Connections: 1, Batch: 1, Seconds: rapid.Float64Range(0, 1e5).Draw(t, "seconds")}
		for i := range rapid.IntRange(0, 20).Draw(t, "points") {
			p := point{At: float64(i+1) * r.Seconds / 20, Rate: rapid.Float64Range(0, 1e6).Draw(t, "rate"), Failed: rapid.Uint64Range(0, 1).Draw(t, "failed")}
			if p.Rate > 0 {
				p.P50 = rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 1e5)).Draw(t, "p50")
				p.P99, p.Max = p.P50*1.5, max(p.P50*2, 0.001)
			}
			r.Points = append(r.Points, p)
		}
		var out bytes.Buffer
		require.NoError(t, r.draw(&out))
		text := out.String()
		require.NotContains(t, text, "NaN")
		require.NotContains(t, text, "Inf")
		require.NotContains(t, text, "%!")
		for d := xml.NewDecoder(&out); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		require.Contains(t, text, "transfers/s</text>")
		require.Contains(t, text, "latency in ms")
		require.Contains(t, text, "prefers-color-scheme: dark")
	})
}

func TestTicks(t *testing.T) {
	require.Equal(t, 5.0, niceStep(4.2))
	require.Equal(t, 0.02, niceStep(0.011))
	require.Equal(t, []float64{1, 2, 5, 10, 20}, decades(1.4, 15))
	require.Equal(t, []float64{0.1, 1, 10, 100, 1000}, decades(0.3, 900))
	require.Equal(t, []float64{0.001, 0.002}, decades(0, 0.0015), "an axis of powers never comes to zero")
	require.Equal(t, []float64{0.001, 0.002}, decades(0, 0))
	require.Equal(t, "12,345,678", grouped(12345678))
	require.Equal(t, "0.0123", short(0.01234))
}

// Every flag that has a bound is refused beyond it.
func TestFlagsAreChecked(t *testing.T) {
	for _, args := range []string{
		"--to nowhere", "--to named", "--connections 0", "--connections 20000", "--rate -1", "--duration 1ms", "--warmup -1s", "--rounds 0", "--processors 0",
		"--batch 0", "--batch 10001", "--wallets 1", "--zipf 1", "--presign -1", "--payload 1000", "--payload 256 --batch 2", "--plot f --rounds 2",
		"--plot f --connections 1,2", "--members 0", "--members 9", "--block-every -1s", "--failover=-1", "--failover=3 --members 2", "--failover=3 --signed",
		"--failover=3 --server 127.0.0.1:1", "--server example.org", "--server 127.0.0.1:1 --to nowhere",
	} {
		cmd := Commands(&cli.Options{})[0]
		cmd.SetArgs(strings.Fields(args))
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		require.ErrorIs(t, cmd.Execute(), cli.ErrUsage, args)
	}
}

func TestReadsAskForAccounts(t *testing.T) {
	o := &options{wallets: 50, seed: 7}
	s := newReadSource("127.0.0.1:5000", "local", o.pick(0))
	seen := map[string]bool{}
	for range 200 {
		req, _ := read(t, s.Next())
		name, found := strings.CutPrefix(req.URL.Path, "/v1/accounts/")
		require.True(t, found, req.URL)
		require.Equal(t, "local", req.URL.Query().Get("consistency"))
		require.NoError(t, s.Check(200, fmt.Appendf(nil, `{"address":"%s","balance":1}`, name)))
		require.Error(t, s.Check(200, []byte(`{"address":"bench-000099","balance":1}`)))
		seen[name] = true
	}
	require.Greater(t, len(seen), 40, "of 50 wallets")
}
