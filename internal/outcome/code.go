// Package outcome is what became of a request: the stable codes by which a node
// says so, and whether the request may be sent again. The members' cluster, the
// API, clients and relays mean the same by them. Why the ledger refuses a
// transaction is chain.Code.
package outcome

import (
	"errors"
	"strings"
)

// Code is a stable machine-readable reason that is not the ledger's. It is its
// own sentinel: wrap it with %w, find it again with errors.Is.
type Code string

// Error is the code in words.
func (c Code) Error() string { return strings.ReplaceAll(string(c), "_", " ") }

// What became of a write that got no result. Only Unknown leaves open whether it
// takes effect: the same one may be sent again under the same id, and no other.
// All others mean that it did not and never will, and that it may be sent again as
// new, except where it is TooLarge.
const (
	// NoLeader: there was no leader to order the request.
	NoLeader Code = "no_leader"
	// QueueFull: the queue of writes is at its bound.
	QueueFull Code = "queue_full"
	// NotOrdered: the caller's context ended while the request still waited in
	// the queue.
	NotOrdered Code = "not_ordered"
	// ShuttingDown: this member takes no more requests.
	ShuttingDown Code = "shutting_down"
	// DiskFull: too little room is left on the disks that would have to hold it.
	DiskFull Code = "disk_full"
	// TooLarge: the request does not fit into a log entry.
	TooLarge Code = "too_large"
	// Unknown: the request may or may not take effect.
	Unknown Code = "outcome_unknown"
)

// What a follower says that handed a request on. It has no effect.
const (
	// NoUpstream: nobody took it.
	NoUpstream Code = "no_upstream"
	// RelayLoop: it has been through too many followers, which may well be the
	// same ones again.
	RelayLoop Code = "relay_loop"
)

// Why somebody may not ask for this. Of a token that was revoked, or has expired, the
// ledger's codes say so.
const (
	// HostUnknown: the node does not go by the name that the request has for it.
	HostUnknown Code = "host_unknown"
	// OriginForeign: a page of another site sent it.
	OriginForeign Code = "origin_foreign"
	// TokenInvalid: what the request carries is no token that is known here.
	TokenInvalid Code = "token_invalid"
	// TokenInURL: a token stands in the address, where proxies and logs keep it.
	TokenInURL Code = "token_in_url"
	// RoleMissing: the token is good, and not for this.
	RoleMissing Code = "role_missing"
	// OtherContract: the token is good for another contract.
	OtherContract Code = "other_contract"
)

// Why the members are not changed as an operator asked. Nothing has changed.
const (
	// ChangeInvalid: the request says nothing that could be done.
	ChangeInvalid Code = "change_invalid"
	// MemberExists: there is such a member already.
	MemberExists Code = "member_exists"
	// MemberUnknown: there is no such member.
	MemberUnknown Code = "member_unknown"
	// MemberRemoved: this instance of the member was removed, for ever.
	MemberRemoved Code = "member_removed"
	// QuorumAtRisk: fewer than a majority of the voters would be there.
	QuorumAtRisk Code = "quorum_at_risk"
	// TwoVoters: of two voters neither may fail.
	TwoVoters Code = "two_voters"
	// ChangeInProgress: another change is not finished.
	ChangeInProgress Code = "change_in_progress"
	// ConfigurationChanged: the members are not those that the operator saw.
	ConfigurationChanged Code = "configuration_changed"
	// MemberUnreachable: no member of ours answers at the address.
	MemberUnreachable Code = "member_unreachable"
	// OtherCluster: a member of another cluster is at the address.
	OtherCluster Code = "other_cluster"
	// MemberNotEmpty: the address is that of a member of this cluster with another
	// id.
	MemberNotEmpty Code = "member_not_empty"
	// MemberTooOld: the member at the address does not know the level that is active.
	MemberTooOld Code = "member_too_old"
	// NotCaughtUp: the member's state is too far behind for it to vote.
	NotCaughtUp Code = "not_caught_up"
	// AlreadyVoter and NotAVoter: there is nothing to change.
	AlreadyVoter Code = "already_voter"
	NotAVoter    Code = "not_a_voter"
	// NoTransferTarget: nobody can take over leadership.
	NoTransferTarget Code = "no_transfer_target"
	// ClusterFull: there are as many members as a cluster has at most.
	ClusterFull Code = "cluster_full"
)

// What a node says that cannot deal with a request where another may. It has no
// effect.
const (
	// OtherChain: the contract's chain is not the one that the request names.
	OtherChain Code = "chain_other"
	// PathUnknown and MethodNotAllowed: the node has no such route.
	PathUnknown      Code = "path_unknown"
	MethodNotAllowed Code = "method_not_allowed"
)

// What is wrong with a request as such. It has no effect.
const (
	// RequestMalformed: it is for a proxy, names somebody, or asks for another method
	// than it has. TargetTooLong and HeaderTooLarge: it has more of them than any
	// client of this API needs.
	RequestMalformed Code = "request_malformed"
	TargetTooLong    Code = "target_too_long"
	HeaderTooLarge   Code = "header_too_large"
	// TLSRequired: plain HTTP came to a port of https.
	TLSRequired Code = "tls_required"
	// RateLimited: who sent it sends too many. The same request may be sent later.
	RateLimited Code = "rate_limited"

	InvalidJSON   Code = "invalid_json"
	BodyTooLarge  Code = "body_too_large"
	BatchTooLarge Code = "batch_too_large"
	// PersonalFull: the next block of a follower's own chain has no room for it.
	PersonalFull Code = "personal_full"
)

// Of is the code that err stands for, if any. Where that it is Unknown is among what
// err says, nothing else matters as much.
func Of(err error) (code Code, found bool) {
	if errors.Is(err, Unknown) {
		return Unknown, true
	}
	return code, errors.As(err, &code)
}

// UnknownError is Unknown with what it takes to send the transaction again.
type UnknownError struct {
	// Key is the Idempotency-Key that a relay drew for a transaction that came
	// without: under it the same body can be sent again. It is empty where none
	// was drawn.
	Key string
	// Err is what the last attempt ran into.
	Err error
}

func (u *UnknownError) Error() string { return Unknown.Error() + ": " + u.Err.Error() }

// Unwrap makes it an Unknown.
func (u *UnknownError) Unwrap() []error { return []error{Unknown, u.Err} }
