package load

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/internal/harness"
)

// Clients go on asking as long as a round lasts, and what they cannot learn in time after it they give up and tell.
func TestWhatNobodyCanLearnIsTold(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusGatewayTimeout)
	}))
	defer api.Close()
	l := New(history.NewBook(), api.Client())
	l.Talk([]Node{{ID: "n1", URL: api.URL, Member: true}})
	l.Monitor([]Node{{ID: "w1", URL: api.URL}})
	l.Start(t.Context(), 1, 1)
	tries, again := map[string]int{}, "" // by id, and one that somebody insists on
	require.NoError(t, harness.Until(t.Context(), 20*time.Second, "somebody insists", func(context.Context) error {
		for _, op := range l.Book.Take() {
			if op.Kind != history.Submit || op.Client != "single-1" {
				continue
			}
			if tries[op.ID]++; tries[op.ID] > 5 {
				again = op.ID
				return nil
			}
		}
		return errors.New("each has been sent a few times")
	}))
	require.Contains(t, l.Stop(50*time.Millisecond), again)
}
