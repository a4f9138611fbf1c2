package attest_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/internal/bubble"
)

// witness makes a key for one, known to the cluster, and tells how it cosigns.
func (r *rig) witness(name string) attest.Ask {
	key, err := proof.NewSigningKey(name, chain.DeriveID([]byte(name)))
	require.NoError(r.t, err)
	require.NoError(r.t, r.requester().Announce(context.Background(), command.Announce{Member: chain.WitnessID(name), Key: key.Verifier().String()}))
	return func(_ context.Context, note []byte, _ tlog.HashReader) (string, error) {
		c, err := proof.ReadCheckpoint(note)
		if err != nil {
			return "", err
		}
		return proof.Cosign(c.Body(), key, chain.SecondsOf(time.Now()))
	}
}

// witnessed are the sizes of which the log has a cosignature of a witness.
func (m *member) witnessed(name string) (sizes []uint64) {
	attestations, _, err := m.store.Attestations(token)
	require.NoError(m.t, err)
	for _, s := range attestations {
		if s.Member == chain.WitnessID(name) {
			sizes = append(sizes, s.Size)
		}
	}
	return sizes
}

// A witness that swallows every request has each answered by a time-out of ten
// seconds, while the other cosigns each checkpoint as it comes.
func TestAWitnessThatHangsDelaysNobody(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		var hangs atomic.Int64
		r.members[0].witnesses = map[string]attest.Ask{
			"hole": func(ctx context.Context, _ []byte, _ tlog.HashReader) (string, error) {
				hangs.Add(1)
				select {
				case <-time.After(10 * time.Second):
				case <-ctx.Done():
				}
				return "", context.DeadlineExceeded
			},
			"good": r.witness("good"),
		}
		r.startAll()
		for i := range 5 {
			r.block(fmt.Sprint(i))
			bubble.Pass(time.Second)
			for _, m := range r.members {
				require.True(t, slices.Contains(m.witnessed("good"), uint64(2+i)), "%s has %v of block %d", m.id, m.witnessed("good"), 2+i)
			}
		}
		require.Equal(t, int64(1), hangs.Load())
		require.NoError(t, r.members[0].attester.Ready(), "a witness that is down is nobody's fault here")
	})
}

func TestAComplaintIsOfOneWitness(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		var contradicts atomic.Bool
		contradicts.Store(true)
		r.members[0].witnesses = map[string]attest.Ask{
			"doubtful": func(context.Context, []byte, tlog.HashReader) (string, error) {
				if contradicts.Load() {
					return "", fmt.Errorf("witness doubtful: %w", attest.ErrContradicted)
				}
				return "", context.DeadlineExceeded
			},
			"good": r.witness("good"),
		}
		r.startAll()
		r.block("x")
		bubble.Pass(20 * time.Second)
		require.Equal(t, []uint64{1, 2}, r.members[1].witnessed("good"))
		require.ErrorIs(t, r.members[0].attester.Ready(), attest.ErrContradicted, "though the other has cosigned since")
		contradicts.Store(false)
		bubble.Pass(20 * time.Second)
		require.NoError(t, r.members[0].attester.Ready())
	})
}

// A leader that has just come to lead may not have all blocks yet, and hear of each as it
// applies them: a witness that has seen more is no evidence of anything before a while is over.
func TestAContradictionCountsOnlyAfterAWhile(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		var contradicts atomic.Bool
		good := r.witness("w1")
		r.members[0].witnesses = map[string]attest.Ask{"w1": func(ctx context.Context, note []byte, stored tlog.HashReader) (string, error) {
			if contradicts.Load() {
				return "", fmt.Errorf("witness w1: %w", attest.ErrContradicted)
			}
			return good(ctx, note, stored)
		}}
		r.startAll()
		contradicts.Store(true)
		for i := range 4 { // each is another reason to ask
			r.block(fmt.Sprint(i))
			bubble.Pass(time.Second)
			require.NoError(t, r.members[0].attester.Ready(), "after %d s", i+1)
		}
		contradicts.Store(false)
		r.block("the last one that it has not seen")
		bubble.Pass(20 * time.Second)
		require.NoError(t, r.members[0].attester.Ready())
		contradicts.Store(true)
		for i := range 8 {
			r.block(fmt.Sprint("again", i))
			bubble.Pass(time.Second)
		}
		require.ErrorIs(t, r.members[0].attester.Ready(), attest.ErrContradicted)
	})
}
