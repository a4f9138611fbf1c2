package intake

import (
	"crypto/ed25519"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/admitted"
)

// Of what a member takes it remembers the signatures that it has found good, and no other.
func TestGoodSignaturesAreRemembered(t *testing.T) {
	to, body := &Chain{Contract: signedContract(), ID: chain.Hash{7}}, signedBody(chain.Transfer)
	known := admitted.New()
	c := NewChecker(nil, known)
	check := func(body string) (txs []chain.Transaction, tx chain.Transaction) {
		var r Reader
		drafts, _, err := r.Transaction([]byte(body), Envelope{})
		require.NoError(t, err)
		txs, err = c.Check(&r, to, drafts)
		require.NoError(t, err)
		return txs, drafts[0].Tx
	}
	refused, tx := check(body)
	require.Empty(t, refused)
	require.False(t, known.Take(&admitted.Signature{Message: tx.ID, Key: tx.Auth.PublicKey, Signature: tx.Auth.Signature}))

	signature := ed25519.Sign(key, tx.AppendSigned(nil, to.ID, to.Decimals))
	good, tx := check(strings.Replace(body, strings.Repeat("00", 64), hex.EncodeToString(signature), 1))
	require.Len(t, good, 1)
	require.True(t, known.Take(&admitted.Signature{Message: tx.ID, Key: tx.Auth.PublicKey, Signature: tx.Auth.Signature}))
}
