package main

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/bpsc/bpsc/client"
)

// fakeMembers is a cluster of n1, which leads, n2 and n3. Addresses say what a
// member there does: "gone" is nobody, "lost" is added though the answer is lost,
// "away" is nobody at first. Whoever joins goes on at each look at the cluster.
type fakeMembers struct {
	mu    sync.Mutex
	now   client.Cluster
	tried int // requests for a member that is away
}

func newFakeMembers() *fakeMembers {
	f := &fakeMembers{now: client.Cluster{ID: "n1", Leader: "n1", Configuration: 7}}
	for _, id := range []string{"n1", "n2", "n3"} {
		f.now.Members = append(f.now.Members, client.ClusterMember{ID: id, Raft: id + ":1", Role: "follower", Voter: true,
			Version: "0.2.0", LevelSupported: 2, LevelActive: 1})
	}
	return f
}

func (f *fakeMembers) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/cluster", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		answer(w, 200, f.now)
		f.goOn()
	})
	mux.HandleFunc("GET /v1/cluster/events", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"member":"n1","began":"2027-01-15T08:00:00Z","items":[
			{"number":8,"time":"2027-01-15T08:00:02.5Z","kind":"leader","term":2,"member":"n2","text":"n2 leads in term 2"}]}`)
	})
	mux.HandleFunc("POST /v1/cluster/members", func(w http.ResponseWriter, r *http.Request) { f.change(w, r, "", "add") })
	mux.HandleFunc("POST /v1/cluster/members/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, kind, _ := strings.Cut(r.PathValue("id"), ":")
		f.change(w, r, id, kind)
	})
	mux.HandleFunc("POST /v1/cluster:activate", f.activate)
	mux.HandleFunc("POST /v1/cluster:transfer-leader", func(w http.ResponseWriter, r *http.Request) { f.change(w, r, "", "transfer-leader") })
}

// activate knows levels up to 2.
func (f *fakeMembers) activate(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var asked struct {
		Level  uint64
		DryRun bool `json:"dry_run"`
	}
	_ = json.NewDecoder(r.Body).Decode(&asked)
	if asked.Level > 2 {
		answer(w, 409, client.Problem{Code: "level_unsupported", Detail: "n3 is bpsc 0.1.0"})
		return
	}
	before := f.now.Members[0].LevelActive
	if !asked.DryRun {
		for i := range f.now.Members {
			f.now.Members[i].LevelActive = 2
		}
	}
	answer(w, 200, client.Activation{Before: before, Level: 2, Release: "0.2.0", DryRun: asked.DryRun})
}

// goOn brings a newcomer one step further.
func (f *fakeMembers) goOn() {
	at := slices.IndexFunc(f.now.Members, func(m client.ClusterMember) bool { return m.Instance != "" })
	if at < 0 {
		return
	}
	m := &f.now.Members[at]
	old := slices.IndexFunc(f.now.Members, func(o client.ClusterMember) bool { return o.ID == m.ID })
	switch {
	case m.Lag > 0:
		m.Lag = 0
	case !m.Voter && !m.Stays:
		m.Voter = true
		f.now.Configuration++
	case old != at:
		f.now.Members = slices.Delete(f.now.Members, old, old+1)
		f.now.Configuration++
	}
}

type fakeChange struct {
	ID, To, Raft string
	NonVoter     bool   `json:"non_voter"`
	TwoVoters    bool   `json:"two_voters"`
	DryRun       bool   `json:"dry_run"`
	At           uint64 `json:"at"`
}

func (f *fakeMembers) change(w http.ResponseWriter, r *http.Request, id, kind string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var c fakeChange
	_ = json.NewDecoder(r.Body).Decode(&c)
	if id != "" {
		c.ID = id
	}
	refuse := func(status int, code string) {
		answer(w, status, client.Problem{Code: code, Detail: "It is refused", Retryable: status == 504})
	}
	at := slices.IndexFunc(f.now.Members, func(m client.ClusterMember) bool { return m.ID == c.ID })
	switch {
	case r.Header.Get("Authorization") == "" && c.ID == "secret":
		refuse(401, "token_required")
	case c.At != 0 && c.At != f.now.Configuration:
		refuse(409, "configuration_changed")
	case kind == "add" && at >= 0:
		refuse(409, "member_exists")
	case kind != "add" && kind != "transfer-leader" && at < 0:
		refuse(404, "member_unknown")
	case kind == "remove" && c.ID == "n2":
		refuse(409, "quorum_at_risk")
	case kind == "remove" && !c.TwoVoters:
		refuse(409, "two_voters")
	case strings.HasPrefix(c.Raft, "gone"):
		refuse(409, "member_unreachable")
	case strings.HasPrefix(c.Raft, "away") && !c.DryRun && f.tried == 0:
		f.tried++
		refuse(409, "member_unreachable")
	default:
		before, voters := f.now.Configuration, []string{"n1", "n2", "n3"}
		if !c.DryRun {
			f.make(c, kind, at)
		}
		if strings.HasPrefix(c.Raft, "lost") && !c.DryRun {
			refuse(504, "outcome_unknown")
			return
		}
		steps := []client.MemberStep{{What: "now", Voters: voters, Quorum: 2, Reachable: 3, CanLose: 1}}
		if kind == "replace" {
			steps = append(steps, client.MemberStep{What: "n3 is a voter", Voters: append(voters, "n3~"+strings.Repeat("ab", 16)), Quorum: 3, Reachable: 4, CanLose: 1})
		}
		if f.now.Configuration == before && !c.DryRun {
			f.now.Configuration++
		}
		answer(w, 200, client.MembersChanged{Index: f.now.Configuration, Steps: steps})
	}
}

func (f *fakeMembers) make(c fakeChange, kind string, at int) {
	switch kind {
	case "add", "replace":
		f.now.Members = append(f.now.Members, client.ClusterMember{ID: c.ID, Instance: strings.Repeat("ab", 16), Raft: c.Raft, Role: "follower", Stays: c.NonVoter, Lag: 300})
	case "remove":
		f.now.Members = slices.Delete(f.now.Members, at, at+1)
	case "demote":
		f.now.Members[at].Voter, f.now.Members[at].Stays = false, true
	case "transfer-leader":
		f.now.Leader = "n2"
	}
}
