package api

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

const transferAB = `{"sender":"wallet-a","amount":1000000,"recipient":"wallet-b"}`

func TestKeyBecomesID(t *testing.T) {
	id := chain.DeriveID([]byte("k1"))
	h := newHandler(t, newFake())
	rec := call(h, "POST", "/transactions/new", transferAB, "Idempotency-Key", "k1")
	var answer struct{ ID string }
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &answer))
	require.Equal(t, id.String(), answer.ID)
}

// The walk of bpsc101 and bpsc102: blocks on request.
func TestTutorialBlocksOnRequest(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)

	rec := call(h, "POST", "/transactions/new", transferAB, "Idempotency-Key", "k1")
	require.Equal(t, http.StatusCreated, rec.Code)
	require.JSONEq(t, `{"message":"Transaction will be added to Block 2","id":"`+chain.DeriveID([]byte("k1")).String()+`",
		"block":2,"position":0,"amount_send":1000000,"amount_bpsc":50,"amount_receive":999950,"applied_index":2}`, rec.Body.String())
	require.Equal(t, "application/json", rec.Header().Get("Content-Type"))

	rec = call(h, "POST", "/transactions/new", `{"sender":"wallet-a","amount":12.5}`)
	requireProblem(t, rec, http.StatusBadRequest, "missing_values", "Missing values")

	rec = call(h, "GET", "/mine", "")
	require.Equal(t, http.StatusOK, rec.Code)
	require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
	require.JSONEq(t, `{"message":"New Block Forged","index":2,"previous_hash":"`+f.hash(1)+`","transactions":[
		{"amount_bpsc":50,"amount_receive":999950,"amount_send":1000000,"bpsc":"bpsc_wallet_address","kind":"transfer",
		"id":"`+chain.DeriveID([]byte("k1")).String()+`","recipient":"wallet-b","sender":"wallet-a"}]}`, rec.Body.String())

	rec = call(h, "POST", "/mine", "")
	require.Equal(t, http.StatusOK, rec.Code)
	require.JSONEq(t, `{"message":"New Block Forged","index":3,"previous_hash":"`+f.hash(2)+`","transactions":[]}`, rec.Body.String())

	rec = call(h, "GET", "/chain", "")
	require.Equal(t, http.StatusOK, rec.Code)
	blocks := f.chains[0].blocks
	require.Equal(t, `{"chain": [`+string(blocks[0])+", "+string(blocks[1])+", "+string(blocks[2])+`], "length": 3}`+"\n", rec.Body.String())

	rec = call(h, "GET", "/smart/chain", "")
	require.Equal(t, `{"message": "Smart chain update by bpsc", "smart chain": [`+string(blocks[0])+", "+string(blocks[1])+", "+string(blocks[2])+`], "length": 3}`+"\n", rec.Body.String())
}

// hash is what block index+1 carries as its previous_hash.
func (f *fake) hash(index int) string { return chain.HashBytes(f.chains[0].blocks[index-1]).String() }

// The walk of bpsc103: a block for every transaction.
func TestTutorialBlockForEveryTransaction(t *testing.T) {
	c := openContract("aka")
	c.Schedule.Transactions = 1
	f := newFake(c)
	h := newHandler(t, f)
	rec := call(h, "POST", "/transactions/new", `{"sender":"a","amount":1,"recipient":"b"}`, "Idempotency-Key", "k1")
	require.Equal(t, http.StatusCreated, rec.Code)
	var answer struct {
		Message      string
		Index        int
		PreviousHash string `json:"previous_hash"`
		Transactions []struct {
			AmountBPSC json.Number `json:"amount_bpsc"`
			Receive    json.Number `json:"amount_receive"`
		}
		ID string
	}
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &answer))
	require.Equal(t, "New Block Forged", answer.Message)
	require.Equal(t, 2, answer.Index)
	require.Equal(t, f.hash(1), answer.PreviousHash)
	require.Equal(t, json.Number("5e-05"), answer.Transactions[0].AmountBPSC)
	require.Equal(t, json.Number("0.99995"), answer.Transactions[0].Receive)
	require.Equal(t, chain.DeriveID([]byte("k1")).String(), answer.ID)
}

func TestTransferIsFinalThoughThisReplicaCannotShowItsBlock(t *testing.T) {
	c := openContract("aka")
	c.Schedule.Transactions = 1
	f := newFake(c)
	f.lag, f.stuck = 1, true
	rec := call(newHandler(t, f), "POST", "/transactions/new", transferAB)
	require.Equal(t, http.StatusCreated, rec.Code)
	require.Contains(t, rec.Body.String(), `"message":"Transaction will be added to Block 2"`)
}

func TestMineSaysWhichBlockThisReplicaCannotShow(t *testing.T) {
	f := newFake()
	f.lag, f.stuck = 1, true
	rec := call(newHandler(t, f), "GET", "/mine", "")
	p := requireProblem(t, rec, http.StatusServiceUnavailable, "behind",
		"Block 2 was forged; this member cannot show it yet: GET /v1/blocks/2")
	require.False(t, p.Retryable, "asking again would forge another block")
}

func TestMineWaitsForThisReplica(t *testing.T) {
	f := newFake()
	f.lag = 1
	rec := call(newHandler(t, f), "GET", "/mine", "")
	require.Equal(t, http.StatusOK, rec.Code)
}

func TestMineIsRefusedWhereTheContractForbidsIt(t *testing.T) {
	c := openContract("aka")
	c.OnRequest = false
	f := newFake(c)
	rec := call(newHandler(t, f), "GET", "/mine", "")
	requireProblem(t, rec, http.StatusUnprocessableEntity, "on_request_disabled", "")
	require.Zero(t, f.writes)
}

func TestTutorialClientsMaySendUnknownFieldsAndAnyContentType(t *testing.T) {
	h := newHandler(t, newFake())
	body := `{"sender":"a","amount":"12.50","recipient":"b","comment":[1,{"x":null}]}`
	rec := call(h, "POST", "/transactions/new", body, "Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, http.StatusCreated, rec.Code)
	require.Contains(t, rec.Body.String(), `"amount_send":12.5,`)
}

func TestTutorialPathsActOnTheContractAsked(t *testing.T) {
	f := newFake(openContract("aka"), openContract("usd"))
	h := newHandler(t, f)
	require.Equal(t, http.StatusCreated, call(h, "POST", "/transactions/new?contract=usd", transferAB).Code)
	require.Equal(t, http.StatusOK, call(h, "GET", "/mine?contract=usd", "").Code)
	require.Len(t, f.chains[0].blocks, 1)
	require.Len(t, f.chains[1].blocks, 2)
	require.Contains(t, call(h, "GET", "/chain?contract=usd", "").Body.String(), `"length": 2`)
}

func TestRegisterNodesIsASetOfHostAndPort(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	rec := call(h, "POST", "/nodes/register", `{"nodes":["http://127.0.0.1:5002","127.0.0.1:5001","http://127.0.0.1:5002"]}`)
	require.Equal(t, http.StatusCreated, rec.Code)
	require.JSONEq(t, `{"message":"New nodes have been added","total_nodes":["127.0.0.1:5001","127.0.0.1:5002"]}`, rec.Body.String())
	rec = call(h, "GET", "/v1/nodes", "")
	require.JSONEq(t, `{"items":["127.0.0.1:5001","127.0.0.1:5002"]}`, rec.Body.String())
}
