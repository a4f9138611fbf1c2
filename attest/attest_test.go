package attest_test

import (
	"context"
	"fmt"
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

func TestAnIdleChainsBlockHasItsCheckpointAtOnce(t *testing.T) {
	for _, n := range []int{1, 3, 5} {
		t.Run(fmt.Sprint(n, " members"), func(t *testing.T) {
			withRig(t, n, openContract, func(r *rig) {
				r.startAll()
				for _, m := range r.members {
					require.Equal(t, uint64(1), m.covered())
				}
				for i := range 3 {
					bubble.Pass(time.Minute)
					r.block(fmt.Sprint("transfer ", i))
					bubble.Pass(0)
					for _, m := range r.members {
						require.Equal(t, m.length(), m.covered())
						require.NoError(t, m.attester.Ready())
					}
				}
			})
		})
	}
}

func TestUnderLoadTheCheckpointIsAtMostASecondBehind(t *testing.T) {
	for name, dead := range map[string]int{"all members": 0, "one of three is dead": 1} {
		t.Run(name, func(t *testing.T) {
			withRig(t, 3, openContract, func(r *rig) {
				for _, m := range r.members[:3-dead] {
					m.start()
				}
				bubble.Pass(time.Second)
				const step = 20 * time.Millisecond
				var lengths []uint64
				for i := range 300 {
					r.block(fmt.Sprint(i))
					bubble.Pass(step)
					lengths = append(lengths, r.members[1].length())
					if ago := i - int(time.Second/step); ago >= 0 {
						require.GreaterOrEqual(t, r.members[1].covered(), lengths[ago])
					}
				}
				bubble.Pass(time.Second)
				require.Equal(t, r.members[0].length(), r.members[0].covered())
				sizes := len(r.signatures["n1"])
				require.LessOrEqual(t, sizes, 20, "of 300 blocks in 6 s") // attesting stays a fraction of the work
				r.one()
			})
		})
	}
}

func TestANewLeaderCoversTheBlockOfTheOneThatDied(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		r.startAll()
		r.members[0].stop()
		r.block("the last of the old leader")
		r.lead(-1)
		bubble.Pass(time.Minute)
		require.Equal(t, uint64(1), r.members[1].covered())
		r.lead(1) // and no block follows
		bubble.Pass(time.Second)
		require.Equal(t, uint64(2), r.members[1].covered())
	})
}

func TestANewLeaderAsksTheWitnessesOfWhatIsThere(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		asked := make(chan uint64, 10)
		cosigns := r.witness("w1")
		r.members[1].witnesses = map[string]attest.Ask{"w1": func(ctx context.Context, note []byte, stored tlog.HashReader) (string, error) {
			c, err := proof.ReadCheckpoint(note)
			require.NoError(t, err)
			asked <- c.Size
			return cosigns(ctx, note, stored)
		}}
		r.startAll()
		r.block("x")
		bubble.Pass(time.Second)
		require.Empty(t, asked)
		r.lead(1) // and nobody says anything more
		bubble.Pass(10 * time.Second)
		require.Equal(t, uint64(2), <-asked)
		require.Empty(t, asked, "once")
	})
}

func TestAnAttestationThatIsLostIsRepeated(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		r.startAll()
		lost := 0
		r.members[1].kill(func(point string) bool {
			if point == "lost" && lost == 0 {
				lost++
				r.lead(-1) // while it is on its way
			}
			return false
		})
		r.members[2].stop()
		r.block("x")
		bubble.Pass(10 * time.Minute)
		require.Equal(t, 1, lost)
		require.Equal(t, uint64(1), r.members[0].covered())
		require.Less(t, r.members[1].tries, 2000, "in ten minutes")
		r.lead(2)
		bubble.Pass(time.Second)
		require.Equal(t, uint64(2), r.members[0].covered())
	})
}

func TestWhoWasAwayAttestsTheNewest(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		r.startAll()
		r.members[2].stop()
		r.members[2].closeStore(true)
		r.block("x")
		bubble.Pass(time.Hour)
		require.Equal(t, uint64(2), r.members[0].covered())
		r.block("y")
		bubble.Pass(time.Second)
		r.members[2].openStore()
		r.members[2].start()
		bubble.Pass(time.Second)
		require.True(t, r.members[2].signed(3), "who was away attests the newest")
		require.False(t, r.members[2].signed(2), "and not on what has its majority")
	})
}

// At the first start a chain can be there before a member's key is.
func TestAMemberWhoseKeyIsNotKnownYetWaits(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, func(t *testing.T) {
		r := newRig(t, dir, 3)
		defer r.close()
		r.create(openContract)
		r.startAll()
		bubble.Pass(10 * time.Minute)
		leader := r.members[0]
		require.ErrorIs(t, leader.attester.Ready(), chain.AttestationWrong)
		require.Less(t, leader.tries, 150, "each is an entry in the log")
		r.announce()
		bubble.Pass(10 * time.Second)
		for _, m := range r.members {
			require.NoError(t, m.attester.Ready())
			require.Equal(t, uint64(1), m.covered())
		}
	})
}

// Who has no vote may be in the log with a key; its attestations are not.
func TestAttestationsOfOthersCountForNothing(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		r.startAll()
		other := &member{rig: r, id: "n9"}
		ctx := context.Background()
		require.ErrorIs(t, r.requester().Announce(ctx, command.Announce{Member: other.id, URL: "http://n9", Key: other.key().String()}), chain.MemberNotConfigured)
		r.configure(r.ids(), other.id)
		require.NoError(t, r.requester().Announce(ctx, command.Announce{Member: other.id, URL: "http://n9", Key: other.key().String()}))
		for _, m := range r.members {
			m.stop()
		}
		r.block("x")
		require.ErrorIs(t, r.requester().Attest(ctx, token, other.attestation(2, chain.Hash{1})), chain.AttestationWrong)
		r.lead(-1)
		r.startAll()
		for _, m := range r.members {
			require.False(t, m.signed(2), "nobody who leads has asked")
			require.NoError(t, m.attester.Ready())
		}
	})
}

// Of several sizes that wait for a majority, a member attests first the one
// with the most votes: members that are not equally fast come together.
func TestMembersComeTogetherWhereMostAre(t *testing.T) {
	withRig(t, 5, openContract, func(r *rig) {
		for i := range 11 {
			r.block(fmt.Sprint(i))
		}
		slow := r.members[4]
		for _, by := range []struct {
			member int
			size   uint64
		}{{0, 5}, {1, 5}, {2, 8}, {0, 11}} {
			m := r.members[by.member]
			require.NoError(t, r.requester().Attest(context.Background(), token, m.attestation(by.size, m.rootAt(by.size))))
		}
		slow.start()
		bubble.Pass(time.Second)
		require.True(t, slow.signed(5))
		require.Equal(t, uint64(5), slow.covered())
		require.True(t, slow.signed(11), "and then on the newest")
		require.NoError(t, slow.attester.Ready())
	})
}

func TestConfigsThatCannotWorkAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(c *attest.Config){
		"nobody":                 func(c *attest.Config) { c.Member = "" },
		"no folder":              func(c *attest.Config) { c.Dir = "" },
		"a folder that is not":   func(c *attest.Config) { c.Dir = "/nowhere/at/all" },
		"nobody to ask who lead": func(c *attest.Config) { c.Leads = nil },
		"no audit of snapshots":  func(c *attest.Config) { c.Audit = nil },
		"no time between sizes":  func(c *attest.Config) { c.Every = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			c := attest.DefaultConfig()
			c.Member, c.Dir = "n1", t.TempDir()
			c.Leads, c.Fatal = func() bool { return true }, func(error) {}
			c.Audit = func(context.Context, func(string, uint64, uint64)) (map[string]error, error) { return nil, nil }
			_, err := attest.New(c, nil, nil)
			require.NoError(t, err)
			spoil(&c)
			_, err = attest.New(c, nil, nil)
			require.Error(t, err)
		})
	}
}
