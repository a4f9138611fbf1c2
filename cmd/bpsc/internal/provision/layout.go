package provision

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/loopback"
	"github.com/bpsc/bpsc/internal/pki"
)

// Names of what is made.
const (
	caCert     = "ca.crt"
	caKey      = "ca.key"
	memberCert = "peer.crt"
	memberKey  = "peer.key"
	apiCert    = "api.crt"
	apiKey     = "api.key"
	rootToken  = "root.token"
	clientEnv  = "client.env"
	configFile = "bpsc.yaml"
	contract   = "contract.json"
)

// layout is who the members are and where what is theirs will be.
type layout struct {
	out     string // where it is made, absolute
	name    string // of the cluster
	members []member
	etc     string // where a member's folder is on its machine; "" for where it is made
	data    string // where its data is there; "" for a folder in its own
}

// member is one of them.
type member struct {
	id    string
	raft  string   // host:port for the others
	api   string   // host:port for clients
	hosts []string // by which clients may call it
	joins bool     // a cluster that is there already
}

// newLayout reads the flags.
func newLayout(out, name, members, apis string, hosts []string) (*layout, error) {
	if err := pki.ValidCluster(name); err != nil {
		return nil, cli.ArgError("--name: %w", err)
	}
	raft, err := peers("members", members)
	if err != nil {
		return nil, err
	}
	given, err := peers("api", apis)
	if err != nil {
		return nil, err
	}
	l := &layout{name: name}
	if l.out, err = filepath.Abs(out); err != nil {
		return nil, err
	}
	for _, p := range raft {
		m := member{id: p.ID, raft: p.Addr}
		host, _, _ := net.SplitHostPort(p.Addr)
		m.api = net.JoinHostPort(host, "5000")
		if i := slices.IndexFunc(given, func(g roster.Peer) bool { return g.ID == p.ID }); i >= 0 {
			m.api = given[i].Addr
			given = slices.Delete(given, i, i+1)
		}
		m.hosts = namesOf(m.api, p.Addr)
		l.members = append(l.members, m)
	}
	if len(given) > 0 {
		return nil, cli.ArgError("--api names %s, which --members does not", given[0].ID)
	}
	return l, l.addHosts(hosts)
}

// addHosts adds names by which clients may call members: id=name.
func (l *layout) addHosts(hosts []string) error {
	for _, text := range hosts {
		id, host, ok := strings.Cut(text, "=")
		i := slices.IndexFunc(l.members, func(m member) bool { return m.id == id })
		if !ok || host == "" || strings.ContainsAny(host, ":/ ") && net.ParseIP(host) == nil {
			return cli.ArgError("--host %q is not ID=NAME or ID=ADDRESS", text)
		}
		if i < 0 {
			return cli.ArgError("--host names %s, which --members does not", id)
		}
		l.members[i].hosts = append(l.members[i].hosts, host)
	}
	taken := map[string]string{}
	for _, m := range l.members {
		for _, at := range []string{m.raft, m.api} {
			if other, is := taken[at]; is {
				return cli.ArgError("%s and %s would both be at %s: say with --api ID=HOST:PORT,… where clients reach them", other, m.id, at)
			}
			taken[at] = m.id
		}
	}
	return nil
}

// namesOf are the hosts of addresses, each once; on this machine clients say localhost too.
func namesOf(addrs ...string) (hosts []string) {
	for _, addr := range addrs {
		host, _, _ := net.SplitHostPort(addr)
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
		if loopback.Is(host) && !slices.Contains(hosts, "localhost") {
			hosts = append(hosts, "localhost")
		}
	}
	return hosts
}

// peers reads id=host:port,… .
func peers(flag, text string) (list []roster.Peer, err error) {
	if text == "" {
		return nil, nil
	}
	if list, err = cli.ParsePeers(text); err != nil {
		return nil, cli.ArgError("--%s: %q is not id=host:port,…", flag, text)
	}
	cfg := cluster.DefaultConfig()
	cfg.ID, cfg.Dir, cfg.Bind, cfg.Peers, cfg.Insecure = list[0].ID, "-", list[0].Addr, list, true
	if err := cfg.Validate(); err != nil {
		return nil, cli.ArgError("--%s: %w", flag, err)
	}
	for _, p := range list {
		if err := folderName("--"+flag, p.ID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// folderName refuses what cannot be a folder beside the cluster's files.
func folderName(what, name string) error {
	if name == "" || strings.ContainsAny(name, `/\`) || strings.HasPrefix(name, ".") || slices.Contains([]string{caCert, caKey, rootToken, clientEnv}, name) {
		return cli.ArgError("%s: %q is to be the name of a folder", what, name)
	}
	return nil
}

// etcOf is where a member's files are on its machine.
func (l *layout) etcOf(m member) string {
	if l.etc != "" {
		return l.etc
	}
	return filepath.Join(l.out, m.id)
}

// dataOf is where its data is.
func (l *layout) dataOf(m member) string {
	if l.data != "" {
		return l.data
	}
	return filepath.Join(l.etcOf(m), "data")
}

// urls are where clients reach the members.
func (l *layout) urls() (list []string) {
	for _, m := range l.members {
		list = append(list, "https://"+m.api)
	}
	return list
}

// founders is the list with which the cluster begins.
func (l *layout) founders() string {
	var list []string
	for _, m := range l.members {
		list = append(list, m.id+"="+m.raft)
	}
	return strings.Join(list, ",")
}

// listening is where to listen for what is reached at an address: on loopback there, and
// elsewhere at that port of every address, since a name may be that of a gateway.
func listening(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	if loopback.Is(host) {
		return addr
	}
	return fmt.Sprintf(":%s", port)
}
