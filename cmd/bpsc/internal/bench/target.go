package bench

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/loopback"
)

// target is the cluster that is measured.
type target struct {
	own      *ownCluster // nil for one that runs
	named    []string    // URLs
	client   *client.Client
	http     *http.Client
	trusted  *tls.Config // over https; nil for the system's authorities
	token    string      // that requests carry, or ""
	contract client.ContractInfo
	timeout  time.Duration // of a question that is not part of the load

	term    uint64
	leader  string
	members []memberAt
}

// memberAt is where a member's API is.
type memberAt struct{ ID, URL string }

// target is the cluster that the flags name, or one that is started. done ends it.
func (b *options) target(ctx context.Context) (t *target, done func(error) error, err error) {
	t = &target{named: b.Servers}
	done = func(error) error { return nil }
	if !b.given {
		b.cluster.signed = b.signed
		if t.own, err = startOwn(ctx, b.cluster); err != nil {
			return nil, nil, err
		}
		done = t.own.stop
		t.named, t.trusted = t.own.urls(), t.own.trusted
	} else if t.trusted, err = b.Trusted(); err != nil {
		return nil, nil, err
	}
	if t.client, err = b.Reach("server", t.named...); err == nil {
		t.client.Trust(t.trusted)
		t.token, t.named = t.client.Token, t.client.Servers()
		t.http = &http.Client{Timeout: b.Timeout, Transport: &http.Transport{TLSClientConfig: t.trusted, MaxIdleConnsPerHost: 16}}
		t.timeout = b.Timeout
		bounded, cancel := context.WithTimeout(ctx, t.timeout)
		defer cancel()
		t.contract, err = t.client.Contract(bounded, b.Contract)
	}
	if err != nil {
		return nil, nil, joined(err, done(err))
	}
	return t, done, nil
}

// joined is err, and what went wrong while it was cleaned up after.
func joined(err, after error) error {
	if err == nil || after == nil {
		return cmp.Or(err, after)
	}
	return fmt.Errorf("%w; %w", err, after)
}

// harmless refuses to load machines that nobody said may be.
func (b *options) harmless() error {
	for _, server := range b.Servers {
		if err := b.harmlessTo(server); err != nil {
			return err
		}
	}
	return nil
}

func (b *options) harmlessTo(server string) error {
	host, err := hostOf(server)
	if err != nil {
		return cli.ArgError("--server: %w", err)
	}
	if !loopback.Is(host) && !slices.Contains(b.allowed, host) {
		return cli.ArgError("%s is not this machine: what the bench sends loads it and stays in its ledger; if that is meant, say --allow-host %s", host, host)
	}
	return nil
}

// mayLoad refuses what members say of where they are, if nobody said that it may be loaded, or
// if the token would go there for all to read.
func (b *options) mayLoad(t *target, urls []string) error {
	for _, u := range urls {
		if err := b.harmlessTo(u); err != nil && t.own == nil {
			return err
		}
		if t.token != "" && !t.sheltered(u) {
			return fmt.Errorf("%w: %s", client.ErrTokenInClear, u)
		}
	}
	return nil
}

// sheltered tells whether the token may go to a URL.
func (t *target) sheltered(at string) bool {
	u, err := url.Parse(at)
	return err == nil && (t.client.Insecure || loopback.Shelters(u))
}

func hostOf(server string) (string, error) {
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	u, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	return u.Hostname(), nil
}

// hostPort is where a URL leads.
func hostPort(at string) (string, error) {
	u, err := url.Parse(at)
	if err != nil {
		return "", err
	}
	return u.Host, nil
}

// learn finds out who the members are and who leads.
func (t *target) learn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	var status struct {
		Term    uint64 `json:"term"`
		Leader  string `json:"leader"`
		Members []struct{ ID, API string }
	}
	text, err := t.client.Get(ctx, "/v1/cluster")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &status); err != nil {
		return fmt.Errorf("/v1/cluster: %w", err)
	}
	t.term, t.leader, t.members = status.Term, status.Leader, nil
	for _, m := range status.Members {
		if m.API != "" {
			t.members = append(t.members, memberAt{m.ID, m.API})
		}
	}
	if t.own == nil { // a member may tell clients an address that this machine does not know
		return nil
	}
	t.members = nil
	for _, m := range t.own.members {
		t.members = append(t.members, memberAt{m.ID, m.URL})
	}
	return nil
}

// addressed are the URLs among which connections are dealt out.
func (t *target) addressed(to string) []string {
	if to == toNamed {
		return t.named
	}
	var urls []string
	for _, m := range t.members {
		if to == toAll || m.ID == t.leader {
			urls = append(urls, m.URL)
		}
	}
	if len(urls) == 0 {
		return t.named
	}
	return urls
}

// dialer opens connections to URLs in turn.
func (t *target) dialer(urls []string) func(context.Context, int) (net.Conn, error) {
	return func(ctx context.Context, i int) (net.Conn, error) {
		u, err := url.Parse(urls[i%len(urls)])
		if err != nil {
			return nil, err
		}
		if u.Scheme == "https" {
			d := tls.Dialer{Config: t.trusted}
			return d.DialContext(ctx, "tcp", withPort(u, "443"))
		}
		var d net.Dialer
		return d.DialContext(ctx, "tcp", withPort(u, "80"))
	}
}

func withPort(u *url.URL, otherwise string) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), otherwise)
}

// post sends JSON to the first server that is named.
func (t *target) post(ctx context.Context, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.named[0]+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if t.token != "" && t.sheltered(t.named[0]) {
		req.Header.Set("Authorization", "Bearer "+t.token)
	}
	resp, err := t.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("POST %s: %s: %.300s", path, resp.Status, text)
	}
	return text, err
}

// get reads from a member.
func (t *target) get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if t.token != "" && t.sheltered(url) {
		req.Header.Set("Authorization", "Bearer "+t.token)
	}
	resp, err := t.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %.300s", url, resp.Status, text)
	}
	return text, err
}

// processorSeconds is how much processor time a node has used since it started, as it says
// itself.
func (t *target) processorSeconds(ctx context.Context, url string) (float64, error) {
	const name = "process_cpu_seconds_total "
	text, err := t.get(ctx, url+"/metrics")
	if err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), name); found {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("%s/metrics has no %s", url, name)
}

// storage says what the data of its own cluster are on, where that is no disk.
func (t *target) storage() string {
	if t.own == nil || !inMemory(t.own.dir) {
		return ""
	}
	return "The data were in memory (" + t.own.dir + "), so nothing was written to a disk: choose a folder with --dir."
}
