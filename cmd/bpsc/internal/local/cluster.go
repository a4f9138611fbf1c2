package local

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bpsc/bpsc/internal/durable"
)

// Options say what cluster to start.
type Options struct {
	Members  int
	Contract []byte // JSON of the first contract
	// Port is the first of those on which members serve, ten apart; where one is taken, and
	// for 0, the members get free ones.
	Port int
}

// Cluster is members of this machine with their data in a folder of their own, which ends
// with them. One goroutine at a time uses each of its members.
type Cluster struct {
	Dir     string
	Members []*Process
	HTTP    *http.Client // that asks them
}

// Start starts a cluster and waits until it serves.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	dir, err := os.MkdirTemp("", "bpsc-trial-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{Dir: dir, HTTP: &http.Client{Timeout: time.Second}}
	if err := c.start(ctx, o); err != nil {
		for _, m := range c.Members {
			if tail := m.Tail(); tail != "" && ctx.Err() == nil {
				err = fmt.Errorf("%w\n%s: %s", err, m.ID, tail)
			}
		}
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, o Options) error {
	var ports Ports
	err := c.layOut(o, &ports)
	if err = errors.Join(err, ports.Release()); err != nil {
		return err
	}
	for _, m := range c.Members {
		if err := m.Start(); err != nil {
			return err
		}
	}
	for _, m := range c.Members {
		if err := m.Ready(ctx, c.HTTP); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) layOut(o Options, ports *Ports) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	contract := filepath.Join(c.Dir, "contract.json")
	if err := durable.CreateFile(contract, o.Contract, 0o644); err != nil {
		return err
	}
	apis, err := ports.From(o.Port, o.Members)
	if err != nil {
		return err
	}
	rafts, err := ports.From(0, o.Members)
	if err != nil {
		return err
	}
	var cluster []string
	for i, raft := range rafts {
		cluster = append(cluster, fmt.Sprintf("n%d=%s", i+1, raft))
	}
	for i, api := range apis {
		id := fmt.Sprint("n", i+1)
		c.Members = append(c.Members, &Process{ID: id, URL: "http://" + api, Binary: self, Log: filepath.Join(c.Dir, id+".log"),
			Args: []string{"server", "--id", id, "--data", filepath.Join(c.Dir, id), "--listen", api, "--raft", rafts[i],
				"--cluster", strings.Join(cluster, ","), "--contract", contract}})
	}
	return nil
}

// URLs are where the members serve.
func (c *Cluster) URLs() (urls []string) {
	for _, m := range c.Members {
		urls = append(urls, m.URL)
	}
	return urls
}

// ErrLeft: something that was started could not be ended, or its data not removed.
var ErrLeft = errors.New("something of the trial is left")

// Stop ends the members at once, for nothing of them is to stay, and removes their data.
func (c *Cluster) Stop() error {
	var errs []error
	for _, m := range c.Members {
		errs = append(errs, m.Kill())
	}
	if err := errors.Join(append(errs, os.RemoveAll(c.Dir))...); err != nil {
		return fmt.Errorf("%w: %w", ErrLeft, err)
	}
	return nil
}
