package local

import (
	"context"
	"errors"
	"fmt"
	"net"
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
	if err := c.layOut(o); err != nil {
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

func (c *Cluster) layOut(o Options) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	contract := filepath.Join(c.Dir, "contract.json")
	if err := durable.CreateFile(contract, o.Contract, 0o644); err != nil {
		return err
	}
	apis, err := addresses(o.Members, o.Port)
	if err != nil {
		return err
	}
	rafts, err := addresses(o.Members, 0)
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

// addresses are those from port on, ten apart, or free ones where one of them is taken.
func addresses(count, port int) (list []string, err error) {
	for i := range count {
		addr := fmt.Sprintf("127.0.0.1:%d", port+10*i)
		l, err := net.Listen("tcp", addr)
		if port == 0 || err != nil {
			list, port = nil, 0
		}
		if err == nil {
			_ = l.Close()
		}
		if port == 0 {
			break
		}
		list = append(list, addr)
	}
	for len(list) < count {
		addr, err := FreeAddress()
		if err != nil {
			return nil, err
		}
		list = append(list, addr)
	}
	return list, nil
}

// URLs are where the members serve.
func (c *Cluster) URLs() (urls []string) {
	for _, m := range c.Members {
		urls = append(urls, m.URL)
	}
	return urls
}

// Stop ends the members at once, for nothing of them is to stay, and removes their data.
func (c *Cluster) Stop() error {
	var errs []error
	for _, m := range c.Members {
		errs = append(errs, m.Kill())
	}
	return errors.Join(append(errs, os.RemoveAll(c.Dir))...)
}
