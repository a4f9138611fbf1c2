package client

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// A read is never older than what this client was answered for, and asks for no
// more than that.
func TestReadsKnowOfOwnWrites(t *testing.T) {
	var asked []string
	l := newLedger()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.Header().Set("Bpsc-Min-Block", "7")
			send(w, l.result())
			return
		}
		asked = append(asked, r.Header.Get("Bpsc-Min-Block")+" "+r.URL.Query().Get("consistency"))
		send(w, l.result())
	}))
	defer s.Close()
	c := newClient(t, s.URL)
	ctx := t.Context()
	account := func(contract string) {
		_, err := c.Account(ctx, contract, "a")
		require.NoError(t, err)
	}
	account("aka")
	_, err := c.Submit(ctx, signedTx(t))
	require.NoError(t, err)
	account("aka")
	account("gold") // another chain
	c.SawBlock("gold", 3)
	c.SawBlock("gold", 2)
	account("gold")
	c.Consistency = "local"
	_, err = c.Status(ctx, "aka", testID, 0)
	require.NoError(t, err)
	c.ForgetBlocks()
	account("aka")
	_, err = c.Block(ctx, "aka", 1)
	require.NoError(t, err)
	require.Equal(t, []string{" ", "7 ", " ", "3 ", "7 local", " local", " "}, asked)
}
