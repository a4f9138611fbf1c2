package attest_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/bubble"
	"github.com/bpsc/bpsc/store"
)

// purse is who holds all tokens of a signed contract.
type purse struct {
	key     ed25519.PrivateKey
	address string
	nonce   int
}

func newPurse() *purse {
	seed := chain.DeriveID([]byte("purse"))
	p := &purse{key: ed25519.NewKeyFromSeed(seed[:])}
	p.address = p.public().Address()
	return p
}

func (p *purse) public() (k chain.PublicKey) {
	copy(k[:], p.key.Public().(ed25519.PublicKey))
	return k
}

func (p *purse) contract() string {
	return fmt.Sprintf(`{"token":"aka","issuer":%q,"supply":"1000","on_request":true}`, p.address)
}

// transfer asks for one; spoil changes it after it has been signed.
func (p *purse) transfer(r *rig, spoil func(t *chain.Transaction)) chain.Outcome {
	info, err := r.Contract(token)
	require.NoError(r.t, err)
	p.nonce++
	other := chain.PublicKey{9}
	t := chain.Transaction{Kind: chain.Transfer, Sender: p.address, Recipient: other.Address(), Amount: 1_000,
		Auth: &chain.Auth{Nonce: fmt.Sprintf("%032x", p.nonce), Expires: chain.SecondsOf(time.Now().Add(time.Hour)), PublicKey: p.public()}}
	message := t.AppendSigned(nil, info.ID, info.Contract.Decimals)
	t.ID = chain.SignedID(message)
	copy(t.Auth.Signature[:], ed25519.Sign(p.key, message))
	if spoil != nil {
		spoil(&t)
	}
	return r.submit(token, t)
}

// What a dishonest member orders without its sender's signature stands in a
// block of every member, for Apply trusts who took it. No honest member signs
// that block, or any after.
func TestAnInventedRecordIsNeverAttested(t *testing.T) {
	p := newPurse()
	withRig(t, 3, p.contract(), func(r *rig) {
		r.startAll()
		require.Empty(t, p.transfer(r, nil).Refused)
		r.block("")
		require.Empty(t, p.transfer(r, nil).Refused)
		o := p.transfer(r, func(t *chain.Transaction) { t.Auth.Signature[7] ^= 1 })
		require.NoError(t, o.Err)
		require.Empty(t, o.Refused)
		r.block("")
		r.block("")
		bubble.Pass(time.Minute)
		for _, m := range r.members {
			err := m.attester.Ready()
			require.ErrorIs(t, err, chain.ErrInvalid)
			require.ErrorContains(t, err, "block 3: does_not_verify: record 1: the signature is not good")
			require.Contains(t, m.logged.String(), "record 1: the signature is not good")
			require.NoError(t, m.fatal(), "and serves on, for whoever looks")
			require.False(t, m.signed(3) || m.signed(4))
			require.LessOrEqual(t, m.covered(), uint64(2))
		}
		r.members[0].stop()
		r.members[0].start() // a restart forgets nothing
		bubble.Pass(time.Minute)
		require.ErrorContains(t, r.members[0].attester.Ready(), "record 1: the signature is not good")
		require.False(t, r.members[0].signed(3))
	})
}

// Apply itself asks whose key it is, so the record is never made.
func TestAKeyThatIsNotTheSendersMakesNoRecord(t *testing.T) {
	p := newPurse()
	withRig(t, 3, p.contract(), func(r *rig) {
		r.startAll()
		other := &purse{key: ed25519.NewKeyFromSeed(make([]byte, 32)), address: p.address}
		require.Equal(t, chain.KeyWrong, other.transfer(r, nil).Refused)
		r.block("")
		bubble.Pass(time.Second)
		for _, m := range r.members {
			require.Equal(t, uint64(2), m.covered())
			require.NoError(t, m.attester.Ready())
		}
	})
}

// alter changes a balance as a bit that flips on the disk of one member would.
func (m *member) alter(name string, by chain.Amount) {
	m.mu.Lock()
	defer m.mu.Unlock()
	require.NoError(m.t, m.store.Update(m.store.AppliedIndex()+1, func(tx *store.Tx) error {
		h := tx.Head(token)
		before := tx.Account(h, name)
		now := before
		now.Balance += by
		tx.SetAccount(h, name, before, now)
		h.BalanceSum -= by
		return nil
	}))
}

func TestAMemberWhoseStateIsNotTheMajoritysStops(t *testing.T) {
	for odd := range 3 { // the leader is the first
		t.Run(fmt.Sprint("member ", odd+1), func(t *testing.T) {
			withRig(t, 3, openContract, func(r *rig) {
				r.block("before")
				r.startAll()
				m := r.members[odd]
				m.alter("a", 5)
				r.block("after")
				bubble.Pass(time.Second)
				require.ErrorIs(t, m.fatal(), attest.ErrDiverged)
				require.ErrorContains(t, m.fatal(), "after block 3 of aka: 2 members have")
				require.ErrorIs(t, m.attester.Ready(), attest.ErrDiverged)
				m.stop()
				m.closeStore(false) // the process is gone
				r.lead((odd + 1) % 3)
				r.block("later")
				bubble.Pass(time.Second)
				for i, other := range r.members {
					if i != odd {
						require.NoError(t, other.fatal())
						require.NoError(t, other.attester.Ready())
						require.Equal(t, uint64(4), other.covered())
					}
				}

				m.openStore() // a restart alone does not help
				m.ended.Store(nil)
				m.start()
				bubble.Pass(time.Second)
				require.ErrorIs(t, m.fatal(), attest.ErrDiverged)
				m.stop()
				m.rebuild()
				m.ended.Store(nil)
				m.start()
				r.block("")
				bubble.Pass(time.Second)
				require.NoError(t, m.fatal())
				require.NoError(t, m.attester.Ready())
				require.True(t, m.signed(5))
			})
		})
	}
}

// Of two who differ nobody knows which is wrong; their log says that they do.
func TestTwoWhoDifferGoOnAndSaySo(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		r.members[2].closeStore(true)
		r.members[0].start()
		r.members[1].start()
		bubble.Pass(time.Second)
		r.members[1].alter("a", 5)
		r.block("x")
		bubble.Pass(time.Second)
		for _, m := range r.members[:2] {
			require.NoError(t, m.fatal())
			require.Equal(t, 1, strings.Count(m.logged.String(), "another member's state is not this one's"))
		}
	})
}

// What a block says is held against the log of headers that Apply has written:
// altered bytes are not signed, wherever they stand, however well formed.
func TestABlockThatWasAlteredOnDiskIsNeverAttested(t *testing.T) {
	for index := uint64(1); index <= 4; index++ {
		t.Run(fmt.Sprint("block ", index), func(t *testing.T) {
			withRig(t, 3, openContract, func(r *rig) {
				for i := range 3 {
					bubble.Pass(time.Second)
					r.block(fmt.Sprint(i))
				}
				bad := r.members[1]
				bad.spoil = func(at uint64, canonical []byte) []byte {
					if at != index {
						return canonical
					}
					b, err := chain.DecodeBlock(canonical, 6)
					require.NoError(t, err)
					b.Timestamp++ // which no rule forbids
					return b.Append(nil, 6)
				}
				r.startAll()
				require.Equal(t, uint64(4), r.members[0].covered(), "by the others")
				require.ErrorIs(t, bad.attester.Ready(), chain.ErrInvalid)
				require.ErrorContains(t, bad.attester.Ready(), fmt.Sprintf("block %d", index))
				require.False(t, bad.signed(4))
				r.one()
			})
		})
	}
}

func TestOneChainThatIsBadKeepsNoOtherFromItsCheckpoints(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		r.create(`{"token":"points","wallets":"open","on_request":true}`)
		for _, m := range r.members {
			m.spoil = func(_ uint64, canonical []byte) []byte {
				return bytes.Replace(canonical, []byte(`"token": "points"`), []byte(`"token": "joints"`), 1)
			}
		}
		r.startAll()
		r.block("x")
		bubble.Pass(time.Second)
		for _, m := range r.members {
			require.Equal(t, uint64(2), m.covered())
			require.ErrorContains(t, m.attester.Ready(), "this member signs no checkpoint of points any more")
		}
	})
}
