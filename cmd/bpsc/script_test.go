package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/wallet"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"bpsc": main}) }

// The scripts run the real command. Each has a ledger of its own at
// $BPSC_SERVER.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			f := newFakeServer()
			s := httptest.NewServer(f.handler())
			env.Defer(s.Close)
			env.Values["server"] = f
			env.Setenv("BPSC_SERVER", s.URL)
			env.Setenv("HOSTPORT", strings.TrimPrefix(s.URL, "http://"))
			env.Setenv("CHAIN", scriptChain.String())
			env.Setenv("NEWCHAIN", newChain.String())
			env.Setenv("NEWCHAIN_SHORT", newChain.String()[:16])
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("GORACE", os.Getenv("GORACE"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exit": exitsWith, "signed": isSigned, "newchain": beginsAnew, "chaintime": setChainTime,
		},
		RequireExplicitExec: true,
	})
}

// exitsWith is: exit CODE COMMAND ARGS...
func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if err != nil || neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE COMMAND ARGS...")
	}
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if failed, is := err.(interface{ ExitCode() int }); is {
		got = failed.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// isSigned is: signed FILE DECIMALS [TEXT...]; the file holds one transaction,
// nothing else, whose signature is good on $CHAIN, and each text stands in what
// was signed.
func isSigned(ts *testscript.TestScript, neg bool, args []string) {
	decimals, err := strconv.Atoi(args[1])
	ts.Check(err)
	s, err := client.ParseSigned([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	tx, err := s.Transaction(decimals)
	ts.Check(err)
	contract := chain.Contract{Token: s.Contract, Wallets: chain.SignedWallets, BPSC: chain.BPSCAddress(s.Contract)}
	ts.Check(tx.Validate(&contract))
	_, err = wallet.Verify(&tx, scriptChain, decimals)
	if neg != (err != nil) {
		ts.Fatalf("%v", err)
	}
	signed := string(tx.AppendSigned(nil, scriptChain, decimals))
	for _, text := range args[2:] {
		if !strings.Contains(signed, os.Expand(text, ts.Getenv)) {
			ts.Fatalf("%s is not in %s", text, signed)
		}
	}
}

// beginsAnew is: newchain. The server's ledger is $NEWCHAIN from now on.
func beginsAnew(ts *testscript.TestScript, _ bool, _ []string) {
	f := ts.Value("server").(*fakeServer)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.chainID = newChain
}

// setChainTime is: chaintime DURATION. The chain's time is that far ahead of the
// clock from now on.
func setChainTime(ts *testscript.TestScript, _ bool, args []string) {
	ahead, err := time.ParseDuration(args[0])
	ts.Check(err)
	f := ts.Value("server").(*fakeServer)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ahead = ahead
}

var newChain = chain.HashBytes([]byte("the genesis block of a ledger made anew"))

var scriptChain = chain.HashBytes([]byte("the genesis block of the scripts"))

// fakeServer is a ledger without rules: the memo says what it does with a
// transaction. Every id is decided once.
type fakeServer struct {
	mu      sync.Mutex
	chainID chain.Hash
	ahead   time.Duration // of the chain's time
	decided map[chain.ID]client.Result
}

func newFakeServer() *fakeServer {
	return &fakeServer{chainID: scriptChain, decided: map[chain.ID]client.Result{}}
}

func (f *fakeServer) chain() chain.Hash {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.chainID
}

// now is the chain's time.
func (f *fakeServer) now() chain.Seconds {
	f.mu.Lock()
	defer f.mu.Unlock()
	return chain.SecondsOf(time.Now().Add(f.ahead))
}

func (f *fakeServer) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/contracts", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"items":[`+f.contract(signedContract())+`]}`)
	})
	mux.HandleFunc("GET /v1/contracts/{token}", func(w http.ResponseWriter, r *http.Request) {
		switch r.PathValue("token") {
		case "aka":
			_, _ = io.WriteString(w, f.contract(signedContract()))
		case "toy":
			_, _ = io.WriteString(w, f.contract(openContract()))
		default:
			answer(w, http.StatusNotFound, client.Problem{Code: "contract_unknown", Detail: "There is no such contract"})
		}
	})
	mux.HandleFunc("GET /v1/accounts/{name}", f.account)
	mux.HandleFunc("GET /v1/accounts/{name}/holds", f.holds)
	mux.HandleFunc("POST /v1/contracts", f.create)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /smart/chain", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("contract") == "aka" {
			_, _ = io.WriteString(w, `{"index": 1, "transactions": [{"id": "0101"}, {"id": "0202"}]}`+"\n")
			return
		}
		_, _ = io.WriteString(w, "from="+r.FormValue("from")+" limit="+r.FormValue("limit")+"\n")
	})
	mux.HandleFunc("POST /v1/transactions", f.post)
	mux.HandleFunc("GET /v1/transactions/{id}", f.get)
	newFakeMembers().routes(mux)
	(&fakeTokens{}).routes(mux)
	return mux
}

func signedContract() chain.Contract {
	c := chain.DefaultContract()
	c.BPSC = chain.BPSCAddress(c.Token)
	return c
}

func openContract() chain.Contract {
	c := chain.DefaultContract()
	c.Token, c.Wallets, c.BPSC, c.HoldFor, c.LooseningDelay = "toy", chain.OpenWallets, chain.OpenBPSC, 0, 0
	return c
}

func (f *fakeServer) contract(c chain.Contract) string {
	text, _ := c.MarshalJSON()
	now := strconv.FormatInt(int64(f.now()), 10)
	return `{"token":"` + c.Token + `","contract":` + string(text) + `,"time":` + now + `,"chain_id":"` + f.chain().String() + `","length":1}`
}

// create takes what is a contract, from an operator.
func (f *fakeServer) create(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c, err := chain.DecodeNewContract(body)
	switch {
	case err != nil:
		answer(w, http.StatusBadRequest, client.Problem{Code: "contract_invalid", Detail: err.Error()})
	case r.Header.Get("Authorization") == "":
		answer(w, http.StatusUnauthorized, client.Problem{Code: "token_required", Detail: "A token is needed"})
	case c.Token == "aka":
		answer(w, http.StatusConflict, client.Problem{Code: "contract_exists", Detail: "There is one"})
	default:
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, f.contract(c))
	}
}

// account knows everybody but nobody, and shows what a name may hold.
func (f *fakeServer) account(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	switch name {
	case "late": // its node never gets to the block of a transfer
		if r.Header.Get("Bpsc-Min-Block") != "" {
			answer(w, http.StatusServiceUnavailable, client.Problem{Code: "behind", Detail: "No block yet", Retryable: true})
			return
		}
	case "fresh":
		name += " after " + r.Header.Get("Bpsc-Min-Block") + r.FormValue("consistency")
	case "nobody":
		answer(w, http.StatusNotFound, client.Problem{Code: "not_found", Detail: "There is no \x1b[31mbody"})
		return
	case "evil":
		name += "\x1b[2J\u202e\u009b31m"
	}
	account := map[string]any{"address": name, "contract": "toy", "balance": json.Number("1.5"), "records": 1}
	switch block, at := r.FormValue("at_block"), r.FormValue("at"); {
	case block == "9":
		answer(w, http.StatusNotFound, client.Problem{Code: "block_not_here", Detail: "The chain has no block 9 here yet"})
		return
	case block+at != "":
		account["as_of"] = map[string]any{"block": 7, "timestamp": json.Number(block + at)}
	}
	answer(w, http.StatusOK, account)
}

// holds are three for whoever asks, a page of two at most.
func (f *fakeServer) holds(w http.ResponseWriter, r *http.Request) {
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	page, from := client.HoldPage{}, len(r.FormValue("after"))
	for i := from; i < min(from+min(limit, 2), 3); i++ {
		h := client.Hold{ID: chain.DeriveID([]byte{byte(i)}).String(), Contract: r.FormValue("contract"), Status: "pending",
			Sender: "s\x1b[2J", Recipient: r.PathValue("name"), Amount: json.Number(strconv.Itoa(i) + ".5"), Until: 1_800_000_000}
		if block := r.FormValue("at_block"); block != "" {
			h.Sender = "at block " + block
		}
		if r.FormValue("role") == "sender" {
			h.Sender, h.Recipient = h.Recipient, h.Sender
		}
		page.Items = append(page.Items, h)
	}
	if next := from + len(page.Items); next < 3 {
		page.Next = strings.Repeat("n", next)
	}
	answer(w, http.StatusOK, page)
}

func (f *fakeServer) post(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s, err := client.ParseSigned(body)
	if s.Contract == "toy" {
		f.postOpen(w, r.Header.Get("Idempotency-Key"), body)
		return
	}
	tx, txErr := s.Transaction(6)
	if err != nil || txErr != nil {
		answer(w, http.StatusBadRequest, client.Problem{Code: "invalid_field", Detail: "Not a transaction"})
		return
	}
	id, err := wallet.Verify(&tx, f.chain(), 6)
	if err != nil {
		answer(w, http.StatusBadRequest, client.Problem{Code: "signature_invalid", Detail: "The signature is not good"})
		return
	}
	if late := s.Expires <= f.now(); late || s.Expires > f.now().Add(chain.MaxExpires) {
		code := map[bool]chain.Code{true: chain.Expired, false: chain.ExpiresTooFar}[late]
		answer(w, http.StatusUnprocessableEntity, client.Problem{Code: string(code), Detail: "Its time is wrong", ChainTime: int64(f.now())})
		return
	}
	f.decide(w, id, &tx, body)
}

// postOpen takes a transfer without a signature.
func (f *fakeServer) postOpen(w http.ResponseWriter, key string, body []byte) {
	var s struct {
		Amount json.Number
		Memo   string
	}
	_ = json.Unmarshal(body, &s)
	id := chain.DeriveID([]byte(key))
	record := `{"kind":"transfer","amount_send":` + string(s.Amount) + `,"amount_bpsc":0.00025,"amount_receive":4.99975}`
	result := client.Result{ID: id.String(), Status: client.StatusFinal, Contract: "toy", Kind: chain.Transfer, Block: 2, Record: json.RawMessage(record)}
	switch s.Memo {
	case "refuse":
		answer(w, http.StatusConflict, client.Problem{Code: "id_reused", Detail: "The id belongs to another transaction"})
	case "proxy":
		w.WriteHeader(http.StatusGatewayTimeout)
		_, _ = io.WriteString(w, "<html>504 Gateway Time-out</html>")
	default:
		answer(w, http.StatusCreated, result)
	}
}

func (f *fakeServer) decide(w http.ResponseWriter, id chain.ID, s *chain.Transaction, body []byte) {
	result := client.Result{ID: id.String(), Status: client.StatusFinal, Contract: "aka", Kind: s.Kind, Block: 2, Position: 1}
	switch s.Memo {
	case "refuse":
		answer(w, http.StatusUnprocessableEntity, client.Problem{Code: "insufficient_funds", Detail: "The balance is too small"})
		return
	case "no leader":
		answer(w, http.StatusServiceUnavailable, client.Problem{Code: "no_leader", Detail: "There is no leader", Retryable: true})
		return
	case "lost":
		answer(w, http.StatusGatewayTimeout, client.Problem{Code: "outcome_unknown", Detail: "It may have been applied", Retryable: true})
		return
	case "late":
		result.Status = client.StatusExpired
	case "closed":
		result.Kind, result.Reason = chain.Refund, chain.WalletClosed
	}
	if s.Kind == chain.Hold {
		result.Status = client.StatusPending
	}
	result.Record = bytes.TrimSpace(body)
	f.mu.Lock()
	f.decided[id] = result
	f.mu.Unlock()
	answer(w, http.StatusCreated, result)
}

func (f *fakeServer) get(w http.ResponseWriter, r *http.Request) {
	id, _ := chain.ParseHash(r.PathValue("id"))
	f.mu.Lock()
	result, known := f.decided[id]
	f.mu.Unlock()
	if !known {
		answer(w, http.StatusNotFound, client.Problem{Code: "not_found", Detail: "Not found"})
		return
	}
	answer(w, http.StatusOK, result)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
