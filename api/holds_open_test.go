package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

// holdsFake has five open holds of alice's for bob, and one that has ended.
func holdsFake() *fake {
	f := newFake(signedContract("aka"), openContract("usd"))
	for i := range 6 {
		h := chain.HoldState{Sender: alice.address(), Recipient: bob.address(), Amount: 1_000_000, Until: chain.Seconds(1_700_000_100 + i/2)}
		if i == 2 {
			h.Ended = chain.HoldRejected
		}
		f.chains[0].holds[chain.DeriveID([]byte{byte(i)})] = h
	}
	return f
}

type holdsPage struct {
	Items []json.RawMessage `json:"items"`
	Next  string            `json:"next"`
}

func getHolds(t *testing.T, h http.Handler, path string) (page holdsPage) {
	t.Helper()
	rec := call(h, "GET", path, "")
	require.Equal(t, http.StatusOK, rec.Code, rec.Body.String())
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &page))
	return page
}

func TestOpenHoldsAreListedAsTheyAreShown(t *testing.T) {
	f := holdsFake()
	for name, h := range map[string]http.Handler{"member": newHandler(t, f), "follower": newFollower(t, f, newFakeNode())} {
		t.Run(name, func(t *testing.T) {
			ofBob, ofAlice := "/v1/accounts/"+bob.address()+"/holds", "/v1/accounts/"+alice.address()+"/holds"
			all := getHolds(t, h, ofBob)
			require.Len(t, all.Items, 5)
			require.Empty(t, all.Next)
			require.Equal(t, all, getHolds(t, h, ofBob+"?role=recipient"))
			require.Equal(t, all, getHolds(t, h, ofAlice+"?role=sender"))
			require.Empty(t, getHolds(t, h, ofAlice).Items)
			require.Empty(t, getHolds(t, h, "/v1/accounts/b/holds?contract=usd").Items)

			last := ""
			for _, item := range all.Items {
				var shown struct {
					ID    string `json:"id"`
					Until int64  `json:"hold_until"`
				}
				require.NoError(t, json.Unmarshal(item, &shown))
				one := call(h, "GET", "/v1/holds/"+shown.ID, "").Body.String()
				var fields map[string]any
				require.NoError(t, json.Unmarshal([]byte(one), &fields))
				delete(fields, "applied_index") // stands beside the list
				without, err := json.Marshal(fields)
				require.NoError(t, err)
				require.JSONEq(t, string(without), string(item))
				order := fmt.Sprint(shown.Until, shown.ID)
				require.Greater(t, order, last)
				last = order
			}

			var paged []json.RawMessage
			for path := ofBob + "?limit=2"; ; {
				page := getHolds(t, h, path)
				paged = append(paged, page.Items...)
				if page.Next == "" {
					break
				}
				path = ofBob + "?limit=2&after=" + page.Next
			}
			require.Equal(t, all.Items, paged)
			require.Equal(t, 200, call(h, "HEAD", ofBob, "").Code)
		})
	}
}

func TestOpenHoldsGoOnAfterOneThatHasEnded(t *testing.T) {
	f := holdsFake()
	h := newHandler(t, f)
	path := "/v1/accounts/" + bob.address() + "/holds"
	all := getHolds(t, h, path)
	first := getHolds(t, h, path+"?limit=1")
	id, err := chain.ParseHash(first.Next[strings.IndexByte(first.Next, '-')+1:])
	require.NoError(t, err)
	ended := f.chains[0].holds[id]
	ended.Ended = chain.HoldDelivered
	f.chains[0].holds[id] = ended
	require.Equal(t, all.Items[1:], getHolds(t, h, path+"?after="+first.Next).Items)
}

func TestOpenHoldsRefuse(t *testing.T) {
	h := newHandler(t, holdsFake())
	path := "/v1/accounts/" + bob.address() + "/holds"
	for _, query := range []string{"limit=0", "limit=1001", "role=issuer", "status=pending", "foo=1", "before=x", "after=x", "kind=hold", "consistency=old"} {
		requireProblem(t, call(h, "GET", path+"?"+query, ""), 400, "invalid_field", "")
	}
	requireProblem(t, call(h, "GET", path+"?after=00000000000000ff-"+chain.ID{}.String(), ""), 409, "chain_other", "")
	requireProblem(t, call(h, "GET", "/v1/accounts/bob/holds", ""), 400, "address_invalid", "")
	requireProblem(t, call(h, "GET", path+"?contract=eur", ""), 404, "contract_unknown", "")
}

// What a cursor names has to be here: who asked for the newest state made it up,
// elsewhere it may be on its way.
func TestCursorsOfWhatIsNotHere(t *testing.T) {
	f := holdsFake()
	cfg := DefaultConfig()
	cfg.ReadTimeout = 50 * time.Millisecond
	member, follower := newHandlerWith(t, cfg, f), newFollowerWith(t, cfg, f, newFakeNode())
	account := "/v1/accounts/" + bob.address()
	for _, path := range []string{
		account + "/holds?after=" + cursorOf(f, chain.DeriveID([]byte("nobody")).String()),
		account + "/transactions?after=" + cursorOf(f, "block7"),
		account + "/transactions?before=" + cursorOf(f, "block7"),
	} {
		requireProblem(t, call(member, "GET", path, ""), 400, "invalid_field", "")
		requireProblem(t, call(member, "GET", path+"&consistency=linearizable", ""), 400, "invalid_field", "")
		for _, rec := range []func() string{
			func() string {
				return requireProblem(t, call(member, "GET", path+"&consistency=local", ""), 503, "behind", "").Detail
			},
			func() string { return requireProblem(t, call(follower, "GET", path, ""), 503, "behind", "").Detail },
		} {
			require.Contains(t, rec(), "not have caught up")
		}
	}
}

func TestACursorOfTheNextBlockWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		h, path := newFollower(t, f, newFakeNode()), "/v1/accounts/a/transactions?after="+cursorOf(f, "block3")
		got := make(chan int, 1)
		go func() { got <- call(h, "GET", path, "").Code }()
		for range 2 {
			synctest.Wait()
			require.Empty(t, got)
			_, err := f.Produce(t.Context(), "aka")
			require.NoError(t, err)
		}
		require.Equal(t, http.StatusOK, <-got)
	})
}
