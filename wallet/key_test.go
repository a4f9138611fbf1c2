package wallet

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
)

func drawKey(t *rapid.T, label string) *Key {
	var seed [seedBytes]byte
	copy(seed[:], rapid.SliceOfN(rapid.Byte(), seedBytes, seedBytes).Draw(t, label))
	return newKey(seed)
}

func TestKeyRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := drawKey(t, "key")
		again, err := ParseKey(k.PrivateHex())
		require.NoError(t, err)
		require.Equal(t, k, again)
		require.NoError(t, chain.ValidateAddress("address", k.Address()))
		require.False(t, k.Rotated())
	})
}

func TestNewKeysDiffer(t *testing.T) {
	a, err := New(rand.Reader)
	require.NoError(t, err)
	b, err := New(rand.Reader)
	require.NoError(t, err)
	require.NotEqual(t, a.Address(), b.Address())
	_, err = New(strings.NewReader("too little"))
	require.Error(t, err)
	_, err = NewNonce(strings.NewReader("too little"))
	require.Error(t, err)
}

func TestParseKeyRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "half a key": aliceSeed[:32], "a letter": "g" + aliceSeed[1:],
		"capitals": strings.ToUpper(aliceSeed), "a line end": aliceSeed + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseKey(text)
			require.ErrorIs(t, err, ErrKeyInvalid)
			if text != "" {
				require.NotContains(t, err.Error(), text)
			}
		})
	}
}

func TestKeyNeverShowsItsSecret(t *testing.T) {
	k := mustKey(aliceSeed)
	text, err := json.Marshal(map[string]any{"key": k})
	require.NoError(t, err)
	for _, shown := range []string{fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %s %q", k, k, k, k, k), string(text)} {
		require.NotContains(t, shown, aliceSeed)
		require.NotContains(t, shown, fmt.Sprint([]byte(k.private))[1:20])
		require.Contains(t, shown, k.Address())
	}
}

func drawTransaction(t *rapid.T, k *Key) *chain.Transaction {
	cases := vectorCases()
	tx := cases[rapid.IntRange(0, len(cases)-1).Draw(t, "kind")].tx
	tx.Sender = k.Address()
	if tx.Kind == chain.Transfer {
		tx.Memo = rapid.StringN(0, 64, chain.MaxMemoBytes).Draw(t, "memo")
	}
	nonce, err := NewNonce(bytes.NewReader(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "nonce")))
	require.NoError(t, err)
	tx.Auth = &chain.Auth{Nonce: nonce, Expires: chain.Seconds(rapid.Int64Range(1, int64(chain.MaxTimestamp.Seconds())).Draw(t, "expires"))}
	return &tx
}

func TestWhatIsSignedVerifies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := drawKey(t, "key")
		tx := drawTransaction(t, k)
		decimals := rapid.IntRange(0, chain.MaxDecimals).Draw(t, "decimals")
		require.NoError(t, k.Sign(tx, vectorChain, decimals))
		id, err := Verify(tx, vectorChain, decimals)
		require.NoError(t, err)
		require.Equal(t, tx.ID, id)

		first := *tx.Auth
		require.NoError(t, k.Sign(tx, vectorChain, decimals))
		require.Equal(t, first, *tx.Auth, "signing draws nothing")
	})
}

// Every change to a signed transaction, another chain and other decimals make
// its signature bad.
func TestWhatWasChangedDoesNotVerify(t *testing.T) {
	k, other := mustKey(aliceSeed), mustKey(bobSeed)
	for _, c := range []struct {
		name   string
		change func(tx *chain.Transaction)
	}{
		{"kind", func(tx *chain.Transaction) { tx.Kind = chain.Spend }},
		{"sender", func(tx *chain.Transaction) { tx.Sender = other.Address() }},
		{"recipient", func(tx *chain.Transaction) { tx.Recipient = k.Address() }},
		{"amount", func(tx *chain.Transaction) { tx.Amount++ }},
		{"memo", func(tx *chain.Transaction) { tx.Memo = "" }},
		{"hold", func(tx *chain.Transaction) { tx.Hold = vectorChain }},
		{"hold_until", func(tx *chain.Transaction) { tx.HoldUntil++ }},
		{"rules", func(tx *chain.Transaction) { tx.Rules = &chain.RulesChange{Receive: ptr(chain.ReceiveAuto)} }},
		{"nonce", func(tx *chain.Transaction) { tx.Auth.Nonce = strings.Repeat("0", 32) }},
		{"expires", func(tx *chain.Transaction) { tx.Auth.Expires++ }},
		{"public_key", func(tx *chain.Transaction) { tx.Auth.PublicKey = other.PublicKey() }},
		{"signature", func(tx *chain.Transaction) { tx.Auth.Signature[0] ^= 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			tx := &chain.Transaction{Kind: chain.Hold, Sender: k.Address(), Recipient: other.Address(), Amount: 5, Memo: "m",
				HoldUntil: 7, Auth: &chain.Auth{Nonce: strings.Repeat("a", 32), Expires: 9}}
			require.NoError(t, k.Sign(tx, vectorChain, 6))
			c.change(tx)
			_, err := Verify(tx, vectorChain, 6)
			require.ErrorIs(t, err, chain.SignatureInvalid)
		})
	}
	t.Run("chain and decimals", func(t *testing.T) {
		tx := &chain.Transaction{Kind: chain.Burn, Sender: k.Address(), Amount: 5,
			Auth: &chain.Auth{Nonce: strings.Repeat("a", 32), Expires: 9}}
		require.NoError(t, k.Sign(tx, vectorChain, 6))
		_, err := Verify(tx, chain.Hash{1}, 6)
		require.ErrorIs(t, err, chain.SignatureInvalid)
		_, err = Verify(tx, vectorChain, 5)
		require.ErrorIs(t, err, chain.SignatureInvalid)
		tx.Auth = nil
		_, err = Verify(tx, vectorChain, 6)
		require.ErrorIs(t, err, chain.SignatureInvalid)
	})
}

func TestSignRefuses(t *testing.T) {
	k := mustKey(aliceSeed)
	whole := chain.Auth{Nonce: strings.Repeat("a", 32), Expires: 1}
	for name, c := range map[string]struct {
		sender string
		auth   *chain.Auth
		want   error
	}{
		"somebody else's wallet": {mustKey(bobSeed).Address(), &whole, ErrNotSender},
		"no sender":              {"", &whole, ErrNotSender},
		"nothing set":            {k.Address(), nil, ErrIncomplete},
		"no nonce":               {k.Address(), &chain.Auth{Expires: 1}, ErrIncomplete},
		"no expires":             {k.Address(), &chain.Auth{Nonce: whole.Nonce}, ErrIncomplete},
	} {
		t.Run(name, func(t *testing.T) {
			tx := &chain.Transaction{Kind: chain.Burn, Sender: c.sender, Amount: 1, Auth: c.auth}
			require.ErrorIs(t, k.Sign(tx, vectorChain, 6), c.want)
			require.True(t, tx.ID.IsZero())
		})
	}
}

func TestARotatedKeySignsForItsOldAddress(t *testing.T) {
	old, fresh := mustKey(aliceSeed), mustKey(carolSeed)
	k, err := fresh.For(old.Address())
	require.NoError(t, err)
	require.True(t, k.Rotated())
	require.Equal(t, old.Address(), k.Address())
	require.Equal(t, fresh.PublicKey(), k.PublicKey())
	require.False(t, fresh.Rotated(), "For makes another key")
	_, err = fresh.For("somewhere")
	require.ErrorIs(t, err, chain.AddressInvalid)
}

// The nonce is what tells two transfers that are meant as two from one that is sent twice.
func TestANonceIsWhatWasDrawn(t *testing.T) {
	nonce, err := NewNonce(bytes.NewReader([]byte("0123456789abcdef and more")))
	require.NoError(t, err)
	require.Equal(t, hex.EncodeToString([]byte("0123456789abcdef")), nonce)
	other, err := NewNonce(bytes.NewReader([]byte("fedcba9876543210")))
	require.NoError(t, err)
	require.NotEqual(t, nonce, other)
	_, err = NewNonce(strings.NewReader("too little"))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
