package node

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/bpsc/bpsc/api"
)

// MinSecret is how many bytes keep a secret from being guessed over the network.
const MinSecret = 16

// Access says from whom a node takes what changes something.
type Access struct {
	// AllowHost are further names by which the node may be called. Its addresses,
	// localhost and the hosts of its other settings are allowed.
	AllowHost []string
	// AllowOrigin (scheme://host[:port]) are sites whose pages may write.
	AllowOrigin []string
	// OperatorSecret is what requests of the operator have to know, MinSecret
	// bytes at least. When empty they must come from this machine.
	OperatorSecret string
}

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
	if n := len(a.OperatorSecret); n > 0 && n < MinSecret {
		return fmt.Errorf("the operator's secret has %d bytes, at least %d are needed", n, MinSecret)
	}
	return nil
}

// apply sets what a says in the API's configuration. addresses are those under
// which the node is reached, URLs or host:port.
func (a *Access) apply(cfg *api.Config, addresses ...string) {
	cfg.Hosts, cfg.Origins, cfg.OperatorSecret = slices.Clone(a.AllowHost), a.AllowOrigin, a.OperatorSecret
	for _, address := range addresses {
		if host := hostOf(address); host != "" {
			cfg.Hosts = append(cfg.Hosts, host)
		}
	}
}

// hostOf is the host of a URL or a host:port.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Hostname()
	}
	host, _, _ := net.SplitHostPort(address)
	return host
}
