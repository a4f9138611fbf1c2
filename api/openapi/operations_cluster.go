package openapi

import (
	"net/http"
	"slices"
)

func clusterOperations() []Operation {
	operate := slices.Concat(ofRole, ofSite, ofMember, ofBody, ofOrder, ofAudit)
	change := slices.Concat(operate, []string{"change_invalid", "member_exists", "member_unknown", "member_removed", "quorum_at_risk", "two_voters", "change_in_progress",
		"configuration_changed", "member_unreachable", "other_cluster", "member_not_empty", "member_too_old", "not_caught_up", "already_voter", "not_a_voter",
		"no_transfer_target", "cluster_full"})
	changes := func(id, path, summary, about, schema string, in ...*Parameter) Operation {
		like := id
		if schema != "MemberToAdd" {
			like = "transferLeader"
		}
		return Operation{ID: id, Like: like, Method: http.MethodPost, Path: path, Tag: "Cluster", Nodes: Member, Role: "operate", Summary: summary, About: about, InPath: in,
			Query:   []*Parameter{{Name: "wait", Schema: duration("How long to wait for a member that is not there yet; up to `30s`.")}},
			Body:    &Body{Optional: true, Schema: named(schema)},
			Answers: []Answer{answers(http.StatusOK, "What happened or, with `dry_run`, would.", named("MembersChanged"), "Cache-Control")},
			Codes:   change}
	}
	member := inPath("id", text("The id of the member."))
	return []Operation{
		{ID: "cluster", Method: http.MethodGet, Path: "/v1/cluster", Tag: "Cluster", Nodes: Member, Role: "read",
			Summary: "How every member is", About: "As far as this one has heard; it asks none of them.",
			Answers: []Answer{answers(http.StatusOK, "The cluster.", named("Cluster"), "Cache-Control")},
			Codes:   slices.Concat(ofRole, ofMember)},
		{ID: "clusterEvents", Method: http.MethodGet, Path: "/v1/cluster/events", Tag: "Cluster", Nodes: Member, Role: "read",
			Summary: "What happened to the cluster", About: "Elections, and how members come and go, as this member remembers it.",
			Query:   []*Parameter{ofPage, {Name: "after", Schema: integer("The number of an event: the page begins with the next.").from(1)}},
			Answers: []Answer{answers(http.StatusOK, "A page of it.", named("ClusterEvents"), "Cache-Control")},
			Codes:   slices.Concat(ofRole, ofMember)},
		changes("addMember", "/v1/cluster/members", "Add a member", "It copies the ledger, and then it votes.", "MemberToAdd"),
		changes("promoteMember", "/v1/cluster/members/{id}:promote", "Let a member vote", "", "MemberChange", member),
		changes("demoteMember", "/v1/cluster/members/{id}:demote", "Take a member's vote", "", "MemberChange", member),
		changes("removeMember", "/v1/cluster/members/{id}:remove", "Remove a member", "That instance of it never comes back.", "MemberChange", member),
		changes("replaceMember", "/v1/cluster/members/{id}:replace", "Put another in a member's place", "An empty folder with the same id takes its place.", "MemberReplacement", member),
		changes("transferLeader", "/v1/cluster:transfer-leader", "Let another member lead", "", "LeaderTransfer"),
		{ID: "activateLevel", Method: http.MethodPost, Path: "/v1/cluster:activate", Tag: "Cluster", Nodes: Member, Role: "operate",
			Summary: "Activate a level", About: "After an upgrade of all members: there is no way back to a release before that level.",
			Body:    &Body{Optional: true, Schema: named("LevelAsked")},
			Answers: []Answer{answers(http.StatusOK, "What is active now.", named("Activation"), "Cache-Control")},
			Codes:   slices.Concat(operate, []string{"level_active", "level_unsupported"})},
		{ID: "backup", Method: http.MethodGet, Path: "/v1/backup", Tag: "Cluster", Nodes: Member, Role: "operate", NoHead: true,
			Summary: "A backup of a member's state", About: "An archive (zstd) as it is written; one at a time. Verify it with `bpsc backup verify`. There is no `HEAD`.",
			Answers: []Answer{{Status: http.StatusOK, About: "The archive.", Headers: []string{"Cache-Control"}, Content: []Content{{"application/zstd", &Schema{Type: "string", Format: "binary"}}}}},
			Codes:   slices.Concat(ofRole, ofSite, ofMember, ofOrder, ofAudit, []string{"backup_in_progress"})},
		{ID: "tokens", Method: http.MethodGet, Path: "/v1/tokens", Tag: "Access", Nodes: Member, Role: "operate",
			Summary: "All tokens, without their texts", Query: []*Parameter{ofPage, afterPage},
			Answers: []Answer{answers(http.StatusOK, "A page of them.", named("AccessTokens"), "Cache-Control")},
			Codes:   slices.Concat(ofRole, ofMember)},
		{ID: "createToken", Method: http.MethodPost, Path: "/v1/tokens", Tag: "Access", Nodes: Member, Role: "operate",
			Summary: "Make a token", About: "It may do no more than the token that makes it.",
			Body:    bodyOf(named("TokenAsked"), ""),
			Answers: []Answer{answers(http.StatusCreated, "The token, with its text.", named("AccessTokenMade"), "Cache-Control")},
			Codes:   slices.Concat(operate, []string{"token_too_broad", "tokens_full", "level_not_active", "contract_unknown", "id_reused"})},
		{ID: "revokeToken", Method: http.MethodDelete, Path: "/v1/tokens/{id}", Tag: "Access", Nodes: Member, Role: "operate",
			Summary: "Revoke a token", About: "And all that come from it.", InPath: []*Parameter{inPath("id", text("The token's id."))},
			Answers: []Answer{{Status: http.StatusNoContent, About: "It is good for nothing any more."}},
			Codes:   slices.Concat(ofRole, ofSite, ofMember, ofOrder, ofAudit, []string{"token_unknown", "token_too_broad", "level_not_active"})},
		{ID: "audit", Method: http.MethodGet, Path: "/v1/audit", Tag: "Access", Nodes: Member, Role: "operate",
			Summary: "What operators have done", Query: []*Parameter{ofPage, {Name: "after", Schema: integer("The number of an entry: the page begins with the next.").from(1)}},
			Answers: []Answer{answers(http.StatusOK, "A page of it, or with `Accept: application/x-ndjson` its items as lines.", named("Audit"), "Cache-Control", "Vary").or(typeLines, text("An `AuditEntry` a line."))},
			Codes:   slices.Concat(ofRole, ofMember)},
	}
}
