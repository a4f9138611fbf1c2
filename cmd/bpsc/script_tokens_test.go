package main

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/bpsc/bpsc/client"
)

// fakeTokens knows one token, "the-boss-of-all-tokens", and makes others.
type fakeTokens struct{ made []client.Token }

func (f *fakeTokens) routes(mux *http.ServeMux) {
	guarded := func(pattern string, h http.HandlerFunc) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			switch r.Header.Get("Authorization") {
			case "":
				answer(w, 401, client.Problem{Code: "token_required", Detail: "Send a token"})
			case "Bearer the-boss-of-all-tokens":
				h(w, r)
			default:
				answer(w, 403, client.Problem{Code: "role_missing", Detail: "The token has another role"})
			}
		})
	}
	guarded("POST /v1/tokens", func(w http.ResponseWriter, r *http.Request) {
		var t client.Token
		_ = json.NewDecoder(r.Body).Decode(&t)
		t.ID, t.Parent, t.Made = "00000000000"+strconv.Itoa(len(f.made)), "ffffffffffff", 1_700_000_000
		f.made = append(f.made, t)
		t.Text = "bpsc_secret-" + t.ID
		answer(w, http.StatusCreated, t)
	})
	guarded("GET /v1/tokens", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("after") == "" && len(f.made) > 1 {
			answer(w, http.StatusOK, map[string]any{"items": f.made[:1], "next": f.made[0].ID})
			return
		}
		answer(w, http.StatusOK, map[string]any{"items": f.made[min(1, len(f.made)-1):]})
	})
	guarded("DELETE /v1/tokens/{id}", func(w http.ResponseWriter, r *http.Request) {
		for i := range f.made {
			if f.made[i].ID == r.PathValue("id") {
				f.made[i].Revoked = 1_700_000_100
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
		answer(w, http.StatusNotFound, client.Problem{Code: "token_unknown", Detail: "There is no such token"})
	})
	guarded("GET /v1/audit", func(w http.ResponseWriter, r *http.Request) {
		after, _ := strconv.Atoi(r.FormValue("after"))
		limit, _ := strconv.Atoi(r.FormValue("limit"))
		items, next := []map[string]any{}, 0
		for n := after + 1; n <= 1200; n++ {
			if len(items) == limit {
				next = n - 1
				break
			}
			items = append(items, map[string]any{"number": n, "time": 1_700_000_000.25, "who": "token", "token": "ffffffffffff", "name": "boss",
				"action": "members.remove", "subject": "n2", "from": "192.0.2.1:9", "result": "ok"})
		}
		answer(w, http.StatusOK, map[string]any{"items": items, "next": next})
	})
}
