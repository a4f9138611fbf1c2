package attest_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/bubble"
)

// Members verify before they are asked, so that they do so at the same time,
// but what they find is not kept without bound.
func TestMembersVerifyAheadAndNotWithoutBound(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		for i := range 2000 {
			r.block(fmt.Sprint(i % 7))
		}
		read := 0
		r.members[1].spoil = func(index uint64, canonical []byte) []byte {
			read++
			return canonical
		}
		r.lead(-1)
		r.startAll()
		require.GreaterOrEqual(t, read, 1024)
		require.Less(t, read, 1200)
		r.lead(0)
		bubble.Pass(time.Second)
		require.Equal(t, uint64(2001), r.members[0].covered())
		require.Equal(t, 2001, read, "each block is verified once")
	})
}

// A block that is bad is found before anybody asks about it.
func TestABadBlockIsFoundWithoutALeader(t *testing.T) {
	p := newPurse()
	withRig(t, 3, p.contract(), func(r *rig) {
		p.transfer(r, func(t *chain.Transaction) { t.Auth.Signature[0] ^= 1 })
		r.block("")
		r.lead(-1)
		r.startAll()
		for _, m := range r.members {
			require.ErrorIs(t, m.attester.Ready(), chain.ErrInvalid)
			require.Zero(t, m.tries)
		}
	})
}

// How fast a member verifies what it has not signed yet.
func BenchmarkCatchUp(b *testing.B) {
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprint(size, " signed records a block"), func(b *testing.B) {
			r, p := newRig(b, b.TempDir(), 1), newPurse()
			defer r.close()
			r.announce()
			r.create(p.contract())
			const records = 2000
			for i := range records {
				require.Empty(b, p.transfer(r, func(t *chain.Transaction) {}).Refused)
				if (i+1)%size == 0 {
					r.block("")
				}
			}
			m := r.members[0]
			logged := make(chan struct{}, records)
			m.kill(func(point string) bool {
				if point == "logged" {
					logged <- struct{}{}
				}
				return false
			})
			for b.Loop() {
				_ = os.Remove(m.journal())
				m.start()
				<-logged
				m.stop()
			}
			require.True(b, m.signed(m.length()))
			b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
