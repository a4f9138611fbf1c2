package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/client"
)

// The doctor's scripts have three members that are well, all at $BPSC_SERVER, until
// one is lost.
func TestDoctorScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/doctor",
		Setup: func(env *testscript.Env) error {
			p := &patient{}
			s := httptest.NewServer(p.handler())
			env.Defer(s.Close)
			env.Values["patient"] = p
			env.Setenv("BPSC_SERVER", s.URL)
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("GORACE", os.Getenv("GORACE"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exit":  exitsWith,
			"loses": func(ts *testscript.TestScript, _ bool, _ []string) { ts.Value("patient").(*patient).lost.Store(true) },
		},
		RequireExplicitExec: true,
	})
}

type patient struct{ lost atomic.Bool }

func (p *patient) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/cluster", p.cluster)
	mux.HandleFunc("GET /v1/diagnostics", diagnostics)
	return mux
}

func (p *patient) cluster(w http.ResponseWriter, r *http.Request) {
	c := api.ClusterStatus{ID: "n1", Leader: "n1", Term: 3, Version: "v1"}
	for i, role := range []string{"leader", "follower", "follower"} {
		c.Members = append(c.Members, api.MemberStatus{ID: fmt.Sprint("n", i+1), API: "http://" + r.Host, Role: role, Voter: true, Ready: true, Signing: true})
	}
	if p.lost.Load() {
		c.Members[2].Role, c.Members[2].API = "unreachable", ""
	}
	answer(w, http.StatusOK, c)
}

// diagnostics are for who knows the secret.
func diagnostics(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer the-operators-canary" {
		answer(w, http.StatusUnauthorized, client.Problem{Code: "token_required", Detail: "This is for whoever runs the node"})
		return
	}
	answer(w, http.StatusOK, api.Diagnostics{Kind: "member", Now: time.Now(), Process: api.ProcessStatus{OpenFiles: 9, OpenFileLimit: 1 << 16},
		Disk: api.DiskStatus{Dir: "/data\x1b[2J", Free: 1 << 40, Reserve: 1 << 28}, Log: &api.LogStatus{Writes: 1, WriteP99: 2, Heartbeat: 60_000}})
}
