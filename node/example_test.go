package node_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/internal/harness"
	"github.com/bpsc/bpsc/node"
)

// A member as part of a program that has an HTTP server of its own: its only
// member, so it leads at once.
func ExampleStartMember() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	dir := temporary()
	defer os.RemoveAll(dir)
	web := httptest.NewUnstartedServer(nil) // any http.Server will do
	contract, err := chain.DecodeNewContract([]byte(`{"token": "gold", "wallets": "open"}`))
	must(err)

	cfg := node.DefaultMemberConfig()
	cfg.Data, cfg.Logger = dir, slog.New(slog.DiscardHandler)
	cfg.ID, cfg.Peers = "n1", []roster.Peer{{ID: "n1", Addr: freeAddress()}}
	cfg.Listen, cfg.Advertise = "", "http://"+web.Listener.Addr().String()
	cfg.Anonymous = []string{"read", "submit"} // whoever reaches the program needs no token
	cfg.Contract = &contract
	m, err := node.StartMember(ctx, cfg)
	must(err)

	mux := http.NewServeMux()
	mux.Handle("/", m.Handler())
	mux.HandleFunc("/hello", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the program's own") })
	web.Config.Handler = mux
	web.Start()
	defer web.Close()
	must(m.WaitReady(ctx))

	c, err := client.New(cfg.Advertise)
	must(err)
	sent, err := c.Send(ctx, client.Transfer{Sender: "alice", Amount: "2.5", Recipient: "bob", Key: "the first"})
	must(err)
	read, err := c.Status(ctx, "gold", chain.DeriveID([]byte(sent.Key)), 0)
	must(err)
	fmt.Println(read.Status, "in block", read.Block, string(read.Record))

	fmt.Println("stopped:", m.Stop(ctx))
	// Output:
	// final in block 2 {"amount_bpsc": 0.000125, "amount_receive": 2.499875, "amount_send": 2.5, "bpsc": "bpsc_wallet_address", "id": "6fa2c9ea02d6b6cc4aeb86495d9a1beac7ebeba72023ebd2c1ec8564117f1c6e", "kind": "transfer", "recipient": "bob", "sender": "alice"}
	// stopped: <nil>
}

// A follower of that cluster in the same process, at an address of its own.
func ExampleStartFollower() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	m, at := startMember(ctx)
	defer func() { must(m.Stop(ctx)) }()

	cfg := node.DefaultFollowerConfig()
	cfg.Data, cfg.Logger = temporary(), slog.New(slog.DiscardHandler)
	defer os.RemoveAll(cfg.Data)
	cfg.Listen = "127.0.0.1:0"
	cfg.Sources = []chainsync.Source{{Upstreams: []string{at}}}
	f, err := node.StartFollower(ctx, cfg)
	must(err)
	must(f.WaitReady(ctx))

	// What it does not decide itself it hands to the member, and what it reads it
	// has verified.
	c, err := client.New(f.Addr().String())
	must(err)
	_, err = c.Send(ctx, client.Transfer{Sender: "alice", Amount: "2.5", Recipient: "bob", Key: "the first"})
	must(err)
	member, err := client.New(at)
	must(err)
	_, err = member.Mine(ctx, "gold")
	must(err)
	c.SawBlock("gold", 2)
	account, err := c.Account(ctx, "gold", "bob")
	must(err)
	fmt.Print(string(account))

	fmt.Println("stopped:", f.Stop(ctx))
	// Output:
	// {"address":"bob","contract":"gold","balance":2.499875,"records":1}
	// stopped: <nil>
}

// startMember starts a cluster of one, and returns its URL.
func startMember(ctx context.Context) (m *node.Member, at string) {
	contract, err := chain.DecodeNewContract([]byte(`{"token": "gold", "wallets": "open"}`))
	must(err)
	cfg := node.DefaultMemberConfig()
	cfg.Data, cfg.Logger, cfg.Listen = temporary(), slog.New(slog.DiscardHandler), freeAddress()
	cfg.ID, cfg.Peers, cfg.Contract = "n1", []roster.Peer{{ID: "n1", Addr: freeAddress()}}, &contract
	m, err = node.StartMember(ctx, cfg)
	must(err)
	must(m.WaitReady(ctx))
	return m, "http://" + cfg.Listen
}

func temporary() string {
	dir, err := os.MkdirTemp("", "bpsc-")
	must(err)
	return dir
}

// freeAddress is one at which nobody listens at this moment.
func freeAddress() string {
	port, err := harness.FreePort()
	must(err)
	return fmt.Sprintf("127.0.0.1:%d", port)
}

func must(err error) {
	if err != nil {
		log.Panic(err)
	}
}
