package operate

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/client"
)

// What --history prints is a policy file that says the same, however many answers
// it came in.
func TestTheHistoryIsAPolicyFile(t *testing.T) {
	key := func(member string, seed byte) proof.SigningKey {
		name, err := proof.KeyName("", member)
		require.NoError(t, err)
		k, err := proof.NewSigningKey(name, [32]byte{seed})
		require.NoError(t, err)
		return k
	}
	keys := []proof.SigningKey{key("n1", 1), key("n2", 2), key("n3", 3), key("n4", 4)}
	policy := func(list ...int) *proof.Policy {
		var members []proof.Cosigner
		for _, i := range list {
			members = append(members, proof.Cosigner{Name: "n" + strconv.Itoa(i+1), Key: keys[i].Verifier()})
		}
		p, err := proof.NewPolicy(members, proof.Majority(len(members)), nil, 0)
		require.NoError(t, err)
		return p
	}
	pin := proof.Chain{Token: "aka", ID: chain.Hash{1}}
	all, accepted := proof.NewHistory(policy(0, 1, 2)), []chain.Hash(nil)
	for number, next := range []struct {
		members  []int
		recovery *proof.Recovery
	}{{[]int{1, 2, 3}, nil}, {[]int{2}, &proof.Recovery{By: "ada", Reason: "fire", Before: []string{"n2", "n3", "n4"}, After: []string{"n3"}}}, {[]int{0, 2}, nil}} {
		h := proof.Handover{Number: number + 2, Before: all.Newest().Hash(), Policy: policy(next.members...), Recovery: next.recovery,
			Ends: []proof.End{{Token: "aka", ID: pin.ID, Size: uint64(10 * (number + 1))}}}
		var lines []string
		for _, k := range keys[1:3] {
			line, err := proof.Cosign(h.Body(), k, 1_800_000_000)
			require.NoError(t, err)
			lines = append(lines, line)
		}
		note, err := proof.AssembleNote(h.Body(), lines...)
		require.NoError(t, err)
		if next.recovery != nil {
			accepted = append(accepted, h.Hash())
		}
		all, err = all.Extend(note, accepted)
		require.NoError(t, err)
	}
	for _, page := range []int{1, 2, 64} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			from, _ := strconv.Atoi(r.URL.Query().Get("from"))
			text, err := all.From(from, page)
			if err != nil {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			_, _ = w.Write(text)
		}))
		t.Cleanup(server.Close)
		c, err := client.New(server.URL)
		require.NoError(t, err)
		newest, err := proof.NewPolicy(all.Newest().Members(), 2, nil, 0, pin)
		require.NoError(t, err)
		h, err := fetchHistory(t.Context(), c, "aka", newest)
		require.NoError(t, err)
		text := historyText(h, newStages(h))
		for _, want := range []string{
			"# policy 1: members n1, n2, n3, of whom 2 sign\n\n# chain aka 01",
			"# policy 2: members n2, n3, n4, of whom 2 sign\n# judges aka from 11 blocks on\n# signed by n2, n3\n\nbpsc/handover/v1\n",
			"# RECOVERY by \"ada\": \"fire\"; of n2, n3, n4 there were left n3; to accept it: --accept-recovery " + accepted[0].String() + "\n",
			"# policy 4: members n1, n3, of whom 2 sign\n",
		} {
			require.Contains(t, text, want)
		}
		again, err := proof.ParseHistory([]byte(text), accepted...)
		require.NoError(t, err)
		require.Equal(t, h.String(), again.String())
		require.Equal(t, 4, again.Number())
		stopped, err := proof.ParseHistory([]byte(text))
		require.NoError(t, err)
		require.Equal(t, 2, stopped.Number())
	}
}
