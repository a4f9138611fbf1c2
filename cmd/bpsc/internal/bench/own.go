package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/local"
	"github.com/bpsc/bpsc/internal/durable"
)

// ownOptions say what cluster to start.
type ownOptions struct {
	members  int
	dir      string   // in which its folder is made; "" for the system's place for such things
	keep     bool     // leave the folder
	args     []string // further arguments of every member
	tls      bool
	every    time.Duration // between blocks; 0: a block is made when it is full
	signed   bool
	contract string // JSON; "" for one that follows from the others
}

func (o *ownOptions) flags(f *pflag.FlagSet) {
	f.IntVar(&o.members, "members", 3, "members of a cluster of its own")
	f.StringVar(&o.dir, "dir", "", "folder in which the data of its own cluster are made: the disk that is measured (default: the system's temporary one)")
	f.BoolVar(&o.keep, "keep", false, "leave those data there")
	f.StringArrayVar(&o.args, "member-arg", nil, "further argument of each member of its own, such as --member-arg=--heartbeat=100ms; may be repeated")
	f.BoolVar(&o.tls, "tls", false, "its own cluster talks TLS, and so does the generator with it")
	f.DurationVar(&o.every, "block-every", 0, "time between blocks of its own cluster (default: when one is full)")
}

func (o *ownOptions) check() error {
	if o.members < 1 || o.members > maxMembers {
		return cli.ArgError("--members are 1 to %d", maxMembers)
	}
	if o.every < 0 {
		return cli.ArgError("--block-every is not negative")
	}
	return nil
}

// contractText is the contract of its own cluster.
func (o *ownOptions) contractText() string {
	if o.contract != "" {
		return o.contract
	}
	schedule := ""
	if o.every > 0 {
		schedule = fmt.Sprintf(`,"schedule":{"every":"%s"}`, o.every)
	}
	if !o.signed {
		return `{"token":"aka","wallets":"open"` + schedule + `}`
	}
	return fmt.Sprintf(`{"token":"aka","wallets":"signed","issuer":"%s","supply":%d%s}`, issuerKey().Address(), ownSupply, schedule)
}

// ownCluster is members that this process has started.
type ownCluster struct {
	dir     string
	keep    bool
	members []*local.Process
	// followers are started later, and stopped with the members.
	followers []*local.Process
	trusted   *tls.Config // nil where everything is plain
	http      *http.Client
}

// startOwn starts a cluster and waits until it serves.
func startOwn(ctx context.Context, o ownOptions) (*ownCluster, error) {
	dir, err := os.MkdirTemp(o.dir, "bpsc-bench-")
	if err != nil {
		return nil, cli.ArgError("--dir: %w", err)
	}
	c := &ownCluster{dir: dir, keep: o.keep}
	if err := c.start(ctx, &o); err != nil {
		return nil, joined(err, c.stop(err))
	}
	return c, nil
}

func (c *ownCluster) start(ctx context.Context, o *ownOptions) error {
	var ports local.Ports
	err := c.layOut(ctx, o, &ports)
	if err = errors.Join(err, ports.Release()); err != nil {
		return err
	}
	for _, m := range c.members {
		if err := m.Start(); err != nil {
			return err
		}
	}
	return c.ready(ctx)
}

// ready waits until all members serve.
func (c *ownCluster) ready(ctx context.Context) error {
	for _, m := range c.members {
		if err := m.Ready(ctx, c.http); err != nil {
			return err
		}
	}
	return nil
}

// layOut decides where everything is.
func (c *ownCluster) layOut(ctx context.Context, o *ownOptions, ports *local.Ports) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	contract := filepath.Join(c.dir, "contract.json")
	if err := durable.CreateFile(contract, []byte(o.contractText()), 0o644); err != nil {
		return err
	}
	var apis, rafts, cluster, clients []string
	for i := range o.members {
		id := fmt.Sprint("n", i+1)
		api, err := ports.Free()
		if err != nil {
			return err
		}
		raft, err := ports.Free()
		if err != nil {
			return err
		}
		apis, rafts = append(apis, api), append(rafts, raft)
		cluster, clients = append(cluster, id+"="+raft), append(clients, id+"="+api)
	}
	secure := filepath.Join(c.dir, "tls")
	for i := range o.members {
		id := fmt.Sprint("n", i+1)
		p := &local.Process{ID: id, URL: "http://" + apis[i], Binary: self, Log: filepath.Join(c.dir, id+".log")}
		p.Args = []string{"server", "--id", id, "--data", filepath.Join(c.dir, id), "--listen", apis[i], "--raft", rafts[i],
			"--cluster", strings.Join(cluster, ","), "--contract", contract}
		if o.tls {
			p.URL = "https://" + apis[i]
			p.Args = []string{"server", "--config", filepath.Join(secure, id, "bpsc.yaml"), "--contract", contract, "--anonymous", "read,submit"}
		}
		p.Args = append(p.Args, o.args...)
		c.members = append(c.members, p)
	}
	if o.tls {
		if err := c.certify(ctx, self, secure, cluster, clients); err != nil {
			return err
		}
	}
	c.http = &http.Client{Timeout: time.Second, Transport: &http.Transport{TLSClientConfig: c.trusted}}
	return nil
}

// certify has bpsc init make certificates and configurations.
func (c *ownCluster) certify(ctx context.Context, self, dir string, cluster, clients []string) error {
	init := exec.CommandContext(ctx, self, "init", "--out", dir, "--members", strings.Join(cluster, ","), "--api", strings.Join(clients, ","))
	init.Env = local.Environ()
	if out, err := init.CombinedOutput(); err != nil {
		return fmt.Errorf("bpsc init: %w\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		return err
	}
	c.trusted = &tls.Config{RootCAs: x509.NewCertPool()}
	if !c.trusted.RootCAs.AppendCertsFromPEM(text) {
		return errors.New("bpsc init made no authority")
	}
	return nil
}

func (c *ownCluster) urls() []string {
	var urls []string
	for _, m := range c.members {
		urls = append(urls, m.URL)
	}
	return urls
}

// stop ends all members and removes what they have written. After an error their last lines
// are worth more than the folder.
func (c *ownCluster) stop(after error) error {
	var errs []error
	all := append(slices.Clone(c.followers), c.members...)
	for _, p := range all {
		errs = append(errs, p.Kill())
	}
	if after != nil && !errors.Is(after, context.Canceled) && !errors.Is(after, cli.ErrUsage) {
		for _, p := range all {
			if tail := p.Tail(); tail != "" {
				fmt.Fprintf(os.Stderr, "%s:\n%s\n", p.ID, cli.Printable(tail))
			}
		}
	}
	if !c.keep {
		errs = append(errs, os.RemoveAll(c.dir))
	}
	return errors.Join(errs...)
}
