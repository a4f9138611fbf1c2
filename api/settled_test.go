package api

import (
	"errors"
	"net/http"
	"testing"
)

func TestThatThereIsNoContractIsSaidByAMemberThatIsReady(t *testing.T) {
	const other = `{"contract":"points","sender":"a","amount":1,"recipient":"b"}`
	f := newFake()
	h := newHandler(t, f)
	requireProblem(t, call(h, "POST", "/v1/transactions", other), http.StatusNotFound, "contract_unknown", "")
	f.err = errors.New("it has not applied its log yet")
	requireProblem(t, call(h, "POST", "/v1/transactions", other), http.StatusServiceUnavailable, "no_contract", "")
}
