package api

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// lagging is a fake whose contracts appear with the next barrier.
type lagging struct {
	*fake
	hidden []*fakeChain
}

func (l *lagging) Barrier(ctx context.Context) error {
	l.mu.Lock()
	l.chains = append(l.chains, l.hidden...)
	l.hidden = nil
	l.mu.Unlock()
	return l.fake.Barrier(ctx)
}

func TestThatThereIsNoContractIsSaidByWhoKnows(t *testing.T) {
	handler := func(f *fake, m Member) http.Handler {
		h, err := New(DefaultConfig(), f, f, m)
		require.NoError(t, err)
		return h
	}
	const other = `{"contract":"points","sender":"a","amount":1,"recipient":"b"}`

	f := newFake()
	requireProblem(t, call(handler(f, f), "POST", "/v1/transactions", other), http.StatusNotFound, "contract_unknown", "")

	f = newFake()
	f.err = errors.New("it has not applied its log yet")
	requireProblem(t, call(handler(f, f), "POST", "/v1/transactions", other), http.StatusServiceUnavailable, "no_contract", "")

	f = newFake()
	f.stuck = true
	requireProblem(t, call(handler(f, f), "POST", "/v1/transactions", other), http.StatusServiceUnavailable, "behind", "")

	f = newFake()
	f.chains = append(f.chains, newFake(openContract("points")).chains...)
	l := &lagging{fake: f, hidden: f.chains[1:]}
	f.chains = f.chains[:1]
	require.Equal(t, http.StatusCreated, call(handler(f, l), "POST", "/v1/transactions", other).Code)
}
