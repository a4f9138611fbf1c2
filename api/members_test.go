package api

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/outcome"
)

// ChangeMembers notes what it was asked, and for how long it might have waited.
func (f *fake) ChangeMembers(ctx context.Context, c MemberChange) (MembersChanged, error) {
	f.change = c
	end, _ := ctx.Deadline()
	f.patience = time.Until(end)
	if f.err != nil {
		return MembersChanged{}, f.err
	}
	return MembersChanged{Index: 8, Steps: []MemberStep{{What: "now", Voters: []string{"n1", "n2"}, Quorum: 2, Reachable: 2}}}, nil
}

func TestMembersAreChanged(t *testing.T) {
	for _, tc := range []struct {
		target, body string
		want         MemberChange
	}{
		{"/v1/cluster/members", `{"id":"n4","raft":"h:1"}`, MemberChange{Kind: "add", ID: "n4", Raft: "h:1"}},
		{
			"/v1/cluster/members", `{"id":"n4","raft":"h:1","non_voter":true,"two_voters":true,"at":7,"dry_run":true}`,
			MemberChange{Kind: "add", ID: "n4", Raft: "h:1", NonVoter: true, TwoVoters: true, At: 7, DryRun: true},
		},
		{"/v1/cluster/members/n4:promote", ``, MemberChange{Kind: "promote", ID: "n4"}},
		{"/v1/cluster/members/n4:demote", `{"two_voters":true}`, MemberChange{Kind: "demote", ID: "n4", TwoVoters: true}},
		{"/v1/cluster/members/n4:remove", `{"instance":"abc","at":7}`, MemberChange{Kind: "remove", ID: "n4", Instance: "abc", At: 7}},
		{"/v1/cluster/members/n4:replace", `{"raft":"h:2"}`, MemberChange{Kind: "replace", ID: "n4", Raft: "h:2"}},
		{"/v1/cluster/members/n%2F4:replace", `{}`, MemberChange{Kind: "replace", ID: "n/4"}},
		{"/v1/cluster:transfer-leader", ``, MemberChange{Kind: "transfer-leader"}},
		{"/v1/cluster:transfer-leader", `{"to":"n2","dry_run":true}`, MemberChange{Kind: "transfer-leader", ID: "n2", DryRun: true}},
	} {
		t.Run(tc.target+tc.body, func(t *testing.T) {
			f := newFake()
			rec := call(newHandler(t, f), "POST", tc.target, tc.body)
			require.Equal(t, 200, rec.Code, rec.Body)
			require.JSONEq(t, `{"index":8,"steps":[{"what":"now","voters":["n1","n2"],"quorum":2,"reachable":2,"can_lose":0}]}`, rec.Body.String())
			require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
			require.Equal(t, tc.want, f.change)
			require.InDelta(t, 10, f.patience.Seconds(), 1)
		})
	}
}

func TestMembersAreNotChangedByWhatIsNotUnderstood(t *testing.T) {
	for _, tc := range []struct {
		target, body string
		status       int
		code         string
	}{
		{"/v1/cluster/members", `{"id":"n4","raft":"h:1","dryrun":true}`, 400, "invalid_field"},
		{"/v1/cluster/members", `{"id":"n4","raft":"h:1","dry_run":"yes"}`, 400, "invalid_field"},
		{"/v1/cluster/members", `{"id":4}`, 400, "invalid_field"},
		{"/v1/cluster/members", `{"at":"7"}`, 400, "invalid_field"},
		{"/v1/cluster/members", `{"at":-7}`, 400, "invalid_field"},
		{"/v1/cluster/members", `{"at":7.5}`, 400, "invalid_field"},
		{"/v1/cluster/members", `{"id":"n4","id":"n5"}`, 400, "invalid_json"},
		{"/v1/cluster/members", `["n4"]`, 400, "invalid_field"},
		{"/v1/cluster/members", `{"id":"n4"`, 400, "invalid_json"},
		{"/v1/cluster/members?wait=1h", `{"id":"n4"}`, 400, "invalid_field"},
		{"/v1/cluster/members?dry_run=true", `{"id":"n4"}`, 400, "invalid_field"},
		{"/v1/cluster/members/n4:remove", `{"raft":"h:1"}`, 400, "invalid_field"},
		{"/v1/cluster/members/n4:remove", `{"id":"n5"}`, 400, "invalid_field"},
		{"/v1/cluster:transfer-leader", `{"id":"n2"}`, 400, "invalid_field"},
		{"/v1/cluster/members/n4", ``, 404, "path_unknown"},
		{"/v1/cluster/members/n4:", ``, 404, "path_unknown"},
		{"/v1/cluster/members/n4:add", ``, 404, "path_unknown"},
		{"/v1/cluster/members/n4:transfer-leader", ``, 404, "path_unknown"},
	} {
		t.Run(tc.target+tc.body, func(t *testing.T) {
			f := newFake()
			requireProblem(t, call(newHandler(t, f), "POST", tc.target, tc.body), tc.status, tc.code, "")
			require.Zero(t, f.change)
		})
	}
}

func TestRefusalsOfChangesHaveTheirCodes(t *testing.T) {
	for _, tc := range []struct {
		err    error
		status int
		code   string
		detail string
	}{
		{fmt.Errorf("%w: no such kind", outcome.ChangeInvalid), 400, "change_invalid", "no such kind"},
		{fmt.Errorf("%w: n4", outcome.MemberUnknown), 404, "member_unknown", "n4"},
		{fmt.Errorf("%w: 1 of 3", outcome.QuorumAtRisk), 409, "quorum_at_risk", "1 of 3"},
		{outcome.TwoVoters, 409, "two_voters", ""},
		{outcome.ChangeInProgress, 409, "change_in_progress", ""},
		{outcome.ConfigurationChanged, 409, "configuration_changed", ""},
		{outcome.ClusterFull, 422, "cluster_full", ""},
		{outcome.NoLeader, 503, "no_leader", ""},
		{fmt.Errorf("the leader is gone: %w", outcome.Unknown), 504, "outcome_unknown", "The members may have been changed: look at GET /v1/cluster before asking again"},
		{context.DeadlineExceeded, 504, "outcome_unknown", "The members may have been changed: look at GET /v1/cluster before asking again"},
	} {
		t.Run(tc.code, func(t *testing.T) {
			f := newFake()
			f.err = tc.err
			requireProblem(t, call(newHandler(t, f), "POST", "/v1/cluster/members/n3:remove", ""), tc.status, tc.code, tc.detail)
		})
	}
}

func TestAChangeMayWaitForAMember(t *testing.T) {
	f := newFake()
	require.Equal(t, 200, call(newHandler(t, f), "POST", "/v1/cluster/members/n3:replace?wait=25s", "").Code)
	require.InDelta(t, 25, f.patience.Seconds(), 1)
}

func TestMembersAreTheOperators(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	for _, target := range []string{"/v1/cluster/members", "/v1/cluster/members/n3:remove", "/v1/cluster:transfer-leader"} {
		requireProblem(t, from(h, "192.0.2.7:1", "POST", target, "{}"), http.StatusUnauthorized, "token_required", "")
		requireProblem(t, call(h, "POST", target, "{}", "Sec-Fetch-Site", "cross-site"), http.StatusForbidden, "origin_foreign", "")
		requireProblem(t, call(newFollower(t, f, newFakeNode()), "POST", target, "{}"), http.StatusNotFound, "not_here", "")
		requireProblem(t, call(h, "GET", target, ""), http.StatusMethodNotAllowed, "method_not_allowed", "")
	}
	require.Zero(t, f.change)
}
