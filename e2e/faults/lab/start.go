package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/disk"
	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/e2e/faults/load"
	"github.com/bpsc/bpsc/e2e/sign"
	"github.com/bpsc/bpsc/internal/harness"
)

// secret is the operator's, in a cluster that nobody else reaches.
const secret = "only-in-a-laboratory-0123456789abcdef"

// Blocks of the open contract come every half second, empty ones too, so that there is always
// a schedule to keep; those of the signed one by count and time.
const (
	openEvery     = 500 * time.Millisecond
	openContract  = `{"token":"aka","decimals":6,"fee_ppm":50,"wallets":"open","on_request":true,"schedule":{"every":"500ms"}}`
	signedPattern = `{"token":"gold","decimals":6,"wallets":"signed","issuer":"%s","treasurer":"%[1]s","supply":900000000,"freezable":true,"hold_for":"4s","loosening_delay":"0s","schedule":{"every":"1s","transactions":40,"empty":false}}`
)

// New starts a cluster and everything around it. Close ends it, also after an error.
func New(ctx context.Context, o Options) (w *World, err error) {
	o.Book = cmp.Or(o.Book, history.NewBook())
	w = &World{Options: o, disks: map[string]*disk.Mounted{}, damage: map[string]string{}, ended: map[string]time.Time{}, down: map[string]map[string]bool{}, cuts: cuts{}, excuse: map[string]bool{}, out: map[string]bool{}, earlier: map[string]bool{}, read: map[string]int{}}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return w, err
	}
	if !o.Loop {
		machines := o.Members
		if o.Guest {
			machines++
		}
		if w.Hosts, err = harness.NewHosts(ctx, machines); err != nil {
			return w, fmt.Errorf("network namespaces: %w", err)
		}
	}
	file := filepath.Join(o.Dir, "operator-secret")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		return w, err
	}
	witnessed, err := w.layWitnesses(ctx)
	if err != nil {
		return w, err
	}
	w.Cluster, err = harness.New(harness.Options{Binary: o.Binary, Dir: o.Dir, Members: o.Members, Contract: openContract, Hosts: w.Hosts, TLS: o.TLS,
		Args: append(witnessed, "--operator-secret-file", file, "--rate-per-address", "0", "--anonymous", "read,submit", "--promote-after", "300ms")})
	if err != nil {
		return w, err
	}
	for i, m := range w.Cluster.Members {
		m.Also("--data", m.Data) // of those with certificates it stands in a file, where the clock is not looked for
		if i%3 == 1 {            // members need not be alike
			m.Also("--log-store", "wal")
		}
	}
	if w.Cluster.TLS != nil {
		if err := w.layAuthorities(ctx); err != nil {
			return w, err
		}
		if w.trust, err = w.Cluster.TLS.Trust(); err != nil {
			return w, err
		}
	}
	w.http = load.NewClient(w.trust)
	founders := w.Cluster.Members
	if o.Guest {
		if w.guest, err = w.Cluster.Grow(); err != nil {
			return w, err
		}
		w.guest.Also("--data", w.guest.Data)
		w.out[w.guest.ID] = true
	}
	if o.Disks {
		if err := w.mount(); err != nil {
			return w, err
		}
	}
	all := w.Cluster.Members // the guest has not come yet
	w.Cluster.Members = founders
	if err := w.Cluster.Start(ctx); err != nil {
		return w, err
	}
	if w.Follower, err = harness.NewFollower(harness.FollowerOptions{Binary: o.Binary, Dir: o.Dir, ID: "f1", Upstreams: w.Cluster.URLs(),
		Args: w.following()}); err != nil {
		return w, err
	}
	err = w.begin(ctx)
	w.Cluster.Members = all
	return w, err
}

// following is what followers are told besides.
func (w *World) following() []string {
	args := []string{"--rate-per-address", "0"}
	if w.Cluster.TLS != nil {
		args = append(args, "--cacert", w.Cluster.TLS.Authorities())
	}
	return args
}

// begin makes the signed contract, funds its wallets, and starts the follower and the clients.
func (w *World) begin(ctx context.Context) error {
	w.Load = load.New(w.Book, load.NewClient(w.trust))
	var members []load.Node
	for _, m := range w.Cluster.Members {
		members = append(members, load.Node{ID: m.ID, URL: m.URL, Member: true})
	}
	w.Load.Talk(members)
	if err := w.operate(ctx, http.MethodPost, "/v1/contracts", fmt.Sprintf(signedPattern, load.Issuer().Address)); err != nil {
		return err
	}
	var info struct {
		ChainID string `json:"chain_id"`
	}
	for _, m := range w.Cluster.Members {
		err := harness.Until(ctx, 20*time.Second, m.ID+" has both contracts", func(ctx context.Context) error {
			return harness.Get(ctx, w.http, m.URL+"/v1/contracts/"+load.Signed, &info)
		})
		if err != nil {
			return err
		}
	}
	w.Load.Chain = sign.Chain{ID: info.ChainID, Decimals: 6}
	w.chains = []*Chain{NewChain(load.Open, openEvery), NewChain(load.Signed, 0)}
	w.Load.Origins = map[string]string{}
	for _, c := range w.chains {
		if err := harness.Get(ctx, w.http, w.Cluster.Members[0].URL+"/v1/contracts/"+c.Token, &info); err != nil {
			return err
		}
		w.Load.Origins[c.Token] = fmt.Sprintf("bpsc/%s/%.16s", c.Token, info.ChainID)
	}
	if err := w.startWitnesses(ctx); err != nil {
		return err
	}
	if err := w.Load.Fund(ctx); err != nil {
		return err
	}
	if err := errors.Join(w.Follower.Start(), w.Follower.AwaitReady(ctx, 30*time.Second)); err != nil {
		return err
	}
	if err := w.startVictim(ctx); err != nil {
		return err
	}
	w.Load.Talk(w.nodes())
	w.stream = w.Load.Subscribe(ctx, w.Seed, load.Open)
	return nil
}

// Close ends all processes and removes the machines.
func (w *World) Close() error {
	var errs []error
	if w.stream != nil {
		w.stream.Close()
	}
	if w.procedure != nil {
		w.procedure.stop()
	}
	w.commands.Wait()
	if w.Follower != nil {
		errs = append(errs, w.Follower.Kill())
	}
	for _, one := range w.witnesses {
		errs = append(errs, one.Kill())
	}
	if w.victim != nil {
		errs = append(errs, w.victim.Kill())
	}
	if w.liar != nil {
		errs = append(errs, w.liar.server.Close())
	}
	for _, d := range w.disks {
		d.Set(disk.Fault{}) // whoever waits for a disk that stands still cannot even be killed
	}
	if w.Cluster != nil {
		errs = append(errs, w.Cluster.KillAll())
	}
	for _, d := range w.disks {
		errs = append(errs, d.Close())
	}
	if w.Hosts != nil {
		errs = append(errs, w.Hosts.Close())
	}
	return errors.Join(errs...)
}
