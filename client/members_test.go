package client

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asked is a server that notes what it is sent.
func asked(t *testing.T, status int, answer string) (c *Client, requests *[]string) {
	t.Helper()
	requests = new([]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*requests = append(*requests, r.Method+" "+r.RequestURI+" "+string(body)+r.Header.Get("Authorization"))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	c, err := New(server.URL)
	require.NoError(t, err)
	return c, requests
}

func TestChangesAreSentAsTheAPITakesThem(t *testing.T) {
	c, requests := asked(t, 200, `{"index":8,"steps":[{"what":"now","voters":["n1"],"quorum":1,"reachable":1,"can_lose":0}]}`)
	c.Token = "correct horse"
	for _, tc := range []struct {
		change MemberChange
		wait   time.Duration
		want   string
	}{
		{MemberChange{Kind: AddMember, ID: "n4", Raft: "h:1", NonVoter: true}, 0, `/v1/cluster/members {"id":"n4","raft":"h:1","non_voter":true}`},
		{MemberChange{Kind: ReplaceMember, ID: "n3", At: 7}, time.Minute, `/v1/cluster/members/n3:replace?wait=30s {"at":7}`},
		{MemberChange{Kind: RemoveMember, ID: "n/3", Instance: "ab", TwoVoters: true}, 0, `/v1/cluster/members/n%2F3:remove {"instance":"ab","two_voters":true}`},
		{MemberChange{Kind: TransferLeader, DryRun: true}, 0, `/v1/cluster:transfer-leader {"dry_run":true}`},
		{MemberChange{Kind: TransferLeader, ID: "n2"}, 0, `/v1/cluster:transfer-leader {"to":"n2"}`},
	} {
		*requests = nil
		changed, err := c.ChangeMembers(t.Context(), tc.change, tc.wait)
		require.NoError(t, err)
		require.Equal(t, MembersChanged{Index: 8, Steps: []MemberStep{{What: "now", Voters: []string{"n1"}, Quorum: 1, Reachable: 1}}}, changed)
		require.Equal(t, []string{"POST " + tc.want + "Bearer correct horse"}, *requests)
	}
	_, err := c.ChangeMembers(t.Context(), MemberChange{Kind: "move"}, 0)
	require.ErrorContains(t, err, "move")
}

// A change that may have been made is sent once.
func TestAChangeOfUnknownOutcomeIsNotRepeated(t *testing.T) {
	c, requests := asked(t, 504, `{"code":"outcome_unknown","retryable":true}`)
	_, err := c.ChangeMembers(t.Context(), MemberChange{Kind: RemoveMember, ID: "n3"}, 0)
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.Len(t, *requests, 1)
}

// Whoever reads the status is nobody's operator: the secret stays here.
func TestReadsOfTheClusterCarryTheTokenToo(t *testing.T) {
	c, requests := asked(t, 200, `{"leader":"n1","configuration":7,"members":[{"id":"n1","voter":true},{"id":"n4","instance":"ab","waits":"it lags"}]}`)
	c.Token = "correct horse"
	cluster, err := c.Cluster(context.Background())
	require.NoError(t, err)
	require.Equal(t, Cluster{Leader: "n1", Configuration: 7, Members: []ClusterMember{{ID: "n1", Voter: true}, {ID: "n4", Instance: "ab", Waits: "it lags"}}}, cluster)
	require.Equal(t, []string{"GET /v1/cluster Bearer correct horse"}, *requests)
}
