package node

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/api/access"
	"github.com/bpsc/bpsc/api/edge"
	"github.com/bpsc/bpsc/internal/token"
)

// MinSecret is how many bytes keep a secret from being guessed over the network.
const MinSecret = 16

// Access says from whom a node takes what changes something. All of it may be changed
// while the node serves: see Member.Reload.
type Access struct {
	// AllowHost are further names by which the node may be called. Its addresses,
	// localhost and the hosts of its other settings are allowed.
	AllowHost []string
	// AllowOrigin (scheme://host[:port]) are sites whose pages may write.
	AllowOrigin []string
	// Edge is how much clients may ask for.
	Edge edge.Config
	// OperatorSecret is the root token, MinSecret bytes at least: who sends it may do
	// everything, and makes the first of the cluster's tokens. When empty, and the node
	// serves plain HTTP on a loopback address, what comes from its machine is the
	// operator's, until there is a token for that.
	OperatorSecret string
	// Anonymous is what needs no token: read, submit, or none. When empty, both where the
	// node serves plain HTTP on a loopback address, and none elsewhere.
	Anonymous []string
}

func defaultAccess() Access { return Access{Edge: edge.DefaultConfig()} }

// none is what Anonymous says where everything needs a token.
const none = "none"

// Validate says what is wrong with a, by the names of bpsc's flags.
func (a *Access) Validate() error {
	for _, h := range a.AllowHost {
		if strings.ContainsAny(h, "/@: ") {
			return fmt.Errorf("--allow-host %q is not a name: without scheme and port", h)
		}
	}
	for _, o := range a.AllowOrigin {
		if u, err := url.Parse(o); !isURL(o) || err != nil || o != u.Scheme+"://"+u.Host {
			return fmt.Errorf("--allow-origin %q is not scheme://host[:port]", o)
		}
	}
	if roles, err := a.anonymous(); err != nil || roles.Has(token.Operate) {
		return fmt.Errorf("--anonymous %s: read, submit or both, or none", strings.Join(a.Anonymous, ","))
	}
	if n := len(a.OperatorSecret); n > 0 && n < MinSecret {
		return fmt.Errorf("the operator's secret has %d bytes, at least %d are needed", n, MinSecret)
	}
	return nil
}

// anonymous is what Anonymous says.
func (a *Access) anonymous() (token.Roles, error) {
	if len(a.Anonymous) == 1 && a.Anonymous[0] == none {
		return 0, nil
	}
	return token.ParseRoles(a.Anonymous)
}

// guard makes the guards of a node that serves as config says, and as that of another
// Access when it is reloaded.
func (s *service) guard(cfg *api.Config, a *Access, sheltered bool, tokens access.Tokens, addresses ...string) error {
	cfg.Edge = edge.NewGuard(a.Edge)
	guard, err := access.New(a.config(sheltered, tokens, addresses...))
	if err != nil {
		return err
	}
	cfg.Guard = guard
	s.access.Store(a)
	limits := cfg.Edge
	s.reloads(func(_ *Common, now *Access) (take func(), err error) {
		goBy, err := guard.Prepare(now.config(sheltered, tokens, addresses...))
		return func() {
			goBy()
			limits.Set(now.Edge)
			s.access.Store(now)
		}, err
	})
	return nil
}

// config is what a says to the guard of requests. sheltered: the node serves plain HTTP on
// a loopback address. tokens are the cluster's, nil on a follower. addresses are those
// under which the node is reached, URLs or host:port.
func (a *Access) config(sheltered bool, tokens access.Tokens, addresses ...string) (cfg access.Config) {
	cfg.LocalOperator, cfg.Tokens = sheltered, tokens
	cfg.Anonymous, _ = a.anonymous() // Validate has read it
	if sheltered && len(a.Anonymous) == 0 {
		cfg.Anonymous = token.Read | token.Submit
	}
	cfg.Hosts, cfg.Origins, cfg.OperatorSecret = slices.Clone(a.AllowHost), a.AllowOrigin, a.OperatorSecret
	for _, address := range addresses {
		if host := hostOf(address); host != "" {
			cfg.Hosts = append(cfg.Hosts, host)
		}
	}
	return cfg
}

// hostOf is the host of a URL or a host:port.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Hostname()
	}
	host, _, _ := net.SplitHostPort(address)
	return host
}
