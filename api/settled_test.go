package api

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// reads and writes that name a contract, each of which looks for it.
var ofAContract = [][3]string{
	{"POST", "/v1/transactions", `{"contract":"points","sender":"a","amount":1,"recipient":"b"}`},
	{"POST", "/v1/transactions:batch", `{"contract":"points","transactions":[{"sender":"a","amount":1,"recipient":"b"}]}`},
	{"GET", "/chain?contract=points", ""}, {"GET", "/smart/chain?contract=points", ""},
	{"GET", "/v1/contracts/points", ""}, {"GET", "/v1/contracts/points/checkpoint", ""},
	{"GET", "/v1/contracts/points/tile/0/000.p/1", ""}, {"GET", "/v1/blocks?contract=points", ""},
	{"GET", "/v1/blocks/1?contract=points", ""}, {"GET", "/v1/accounts/a?contract=points", ""},
	{"GET", "/v1/events?contract=points", ""}, {"GET", "/v1/policy?contract=points", ""},
}

// A member says that there is no such contract once it has looked; before that
// one may be on its way.
func TestThatThereIsNoContractIsSaidByAMemberThatHasLooked(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	for _, q := range append(ofAContract, [3]string{"GET", "/mine?contract=points", ""}) {
		f.stuck = false
		requireProblem(t, call(h, q[0], q[1], q[2]), http.StatusNotFound, "contract_unknown", "")
		f.stuck = true
		code := "contract_not_here"
		if strings.HasPrefix(q[1], "/v1/accounts/") {
			code = "behind" // such a read has waited for the newest state before it asks for a contract
		}
		p := requireProblem(t, call(h, q[0], q[1], q[2]), http.StatusServiceUnavailable, code, "")
		require.True(t, p.Retryable)
	}
	requireProblem(t, call(h, "GET", "/v1/contracts/NIX", ""), http.StatusNotFound, "contract_unknown", "")
	f.begin(openContract("points"))
	require.Equal(t, http.StatusOK, call(h, "GET", "/v1/contracts/points", "").Code)
}

func TestThatThereIsNoContractIsSaidByAFollowerThatHasLooked(t *testing.T) {
	f, n := newFake(), newFakeNode()
	h := newFollower(t, f, n)
	for _, q := range ofAContract {
		n.unlooked = nil
		requireProblem(t, call(h, q[0], q[1], q[2]), http.StatusNotFound, "contract_unknown", "")
		n.unlooked = errors.New("an upstream has it")
		p := requireProblem(t, call(h, q[0], q[1], q[2]), http.StatusServiceUnavailable, "contract_not_here", "")
		require.True(t, p.Retryable)
	}
}
