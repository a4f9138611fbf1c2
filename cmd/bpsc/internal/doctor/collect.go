package doctor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/backup"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/latency"
	"github.com/bpsc/bpsc/internal/loopback"
)

// Bounds of what is asked of one node.
const (
	maxDoctored = 64      // nodes that are asked
	maxFact     = 4 << 20 // bytes of an answer
	askTimeout  = 3 * time.Second
)

// facts are what could be found out. Nothing in them is judged.
type facts struct {
	now     time.Time
	cluster *api.ClusterStatus // nil: no member could be asked
	why     string             // why not
	members []nodeFacts        // in the order of the cluster's list; the rest of --server behind them

	data   string // "": no folder was named
	probe  latency.Summary
	failed error // why it could not be measured

	backup    string // "": no place was named
	backupAge time.Duration
	backups   []backup.Entry
	unlisted  error // why they could not be listed
}

// nodeFacts is what one node answered.
type nodeFacts struct {
	name     string
	url      string // "": it has not said where its API is
	member   *api.MemberStatus
	cluster  *api.ClusterStatus // as it sees it; nil: it did not answer, or is no member
	diagnose *api.Diagnostics   // nil: unasked says why
	down     string             // why it did not answer; "" when it did
	unasked  string
	skew     time.Duration // its clock minus this machine's
	slack    time.Duration // by how much that may be wrong
}

// collect asks all that are to be asked, at once.
func (d *doctorOptions) collect(ctx context.Context) (*facts, error) {
	servers, err := d.urls()
	if err != nil {
		return nil, err
	}
	a, err := d.asker()
	if err != nil {
		return nil, err
	}
	f := &facts{now: time.Now(), data: d.data, backup: d.backup, backupAge: d.backupAge}
	for _, server := range servers {
		c := &api.ClusterStatus{}
		if err := a.get(ctx, server+"/v1/cluster", c); err != nil {
			f.why = err.Error()
			continue
		}
		f.cluster = c
		break
	}
	f.members = nodesOf(f.cluster, servers)
	var work sync.WaitGroup
	for i := range f.members {
		work.Go(func() { a.ask(ctx, &f.members[i]) })
	}
	if d.data != "" {
		work.Go(func() { f.probe, f.failed = probeDisk(ctx, logFolder(d.data)) })
	}
	if d.backup != "" {
		work.Go(func() { f.backups, f.unlisted = listBackups(ctx, d.backup, d.s3) })
	}
	work.Wait()
	return f, nil
}

// urls are the servers as URLs.
func (d *doctorOptions) urls() (list []string, err error) {
	for _, s := range d.Servers {
		if !strings.Contains(s, "://") {
			s = "http://" + s
		}
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, cli.ArgError("--server: %q is not the URL or host:port of a node", s)
		}
		list = append(list, strings.TrimSuffix(s, "/"))
	}
	return list, nil
}

// nodesOf are the members of a cluster, and the servers that are none of them.
func nodesOf(c *api.ClusterStatus, servers []string) (nodes []nodeFacts) {
	if c != nil {
		for i := range c.Members {
			m := &c.Members[i]
			nodes = append(nodes, nodeFacts{name: m.ID, url: strings.TrimSuffix(m.API, "/"), member: m})
		}
	}
	for _, server := range servers {
		known := slices.ContainsFunc(nodes, func(n nodeFacts) bool { return sameAddress(n.url, server) })
		if !known {
			nodes = append(nodes, nodeFacts{name: server, url: server})
		}
	}
	return nodes[:min(len(nodes), maxDoctored)]
}

// sameAddress tells whether two URLs lead to one place, as far as their text says.
func sameAddress(a, b string) bool {
	return strings.ReplaceAll(a, "//localhost:", "//127.0.0.1:") == strings.ReplaceAll(b, "//localhost:", "//127.0.0.1:")
}

// asker asks nodes, and does not ask twice: what does not answer at once is a finding.
type asker struct {
	http     *http.Client
	token    string // or the operator's secret
	insecure bool   // it may go over plain HTTP to other machines
}

func (d *doctorOptions) asker() (asker, error) {
	c, err := d.Client()
	if err == nil {
		err = d.Operator(c, d.secretFile)
	}
	if err != nil {
		return asker{}, err
	}
	trusted, err := d.Trusted()
	return asker{http: askOnly(trusted), token: c.Token, insecure: c.Insecure}, err
}

// askOnly follows nobody elsewhere: a token is for whom it was meant.
func askOnly(trusted *tls.Config) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = trusted
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// text reads an answer of 200. What comes of it is bounded.
func (a asker) text(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if a.token != "" && (a.insecure || loopback.Shelters(req.URL)) {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxFact))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return text, nil
	}
	var p struct{ Code, Detail string }
	if json.Unmarshal(text, &p) != nil {
		p.Detail = string(text[:min(len(text), 500)]) // as /readyz answers
	}
	return nil, &refusedError{resp.StatusCode, p.Code, p.Detail}
}

// refusedError is an answer that is not what was asked for.
type refusedError struct {
	status       int
	code, detail string
}

func (e *refusedError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("status %d %s: %s", e.status, e.code, e.detail))
}

func (a asker) get(ctx context.Context, url string, into any) error {
	text, err := a.text(ctx, url)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	return err
}

// ask asks one node for all that it tells.
func (a asker) ask(ctx context.Context, n *nodeFacts) {
	if n.url == "" {
		n.down = "it has not said where its API is"
		return
	}
	cluster := &api.ClusterStatus{}
	err := a.get(ctx, n.url+"/v1/cluster", cluster)
	switch refused := (*refusedError)(nil); {
	case err == nil:
		n.cluster = cluster
	case errors.As(err, &refused) && refused.code == "not_here": // a follower
	default:
		n.down = err.Error()
		return
	}
	began := time.Now()
	said := &api.Diagnostics{}
	if err := a.get(ctx, n.url+"/v1/diagnostics", said); err != nil {
		n.unasked = err.Error()
		return
	}
	n.diagnose = said
	n.slack = time.Since(began) / 2
	n.skew = said.Now.Sub(began.Add(n.slack))
}

func listBackups(ctx context.Context, target string, s3 backup.S3Options) ([]backup.Entry, error) {
	place, err := backup.OpenPlace(target, s3)
	if err != nil {
		return nil, err
	}
	return backup.List(ctx, place, false)
}
