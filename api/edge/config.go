package edge

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/bpsc/bpsc/api/admission"
)

// Config says how much clients may ask for. It can be changed while a guard is at
// work. Start from DefaultConfig.
type Config struct {
	// PerToken is for each token. There is none by default: whoever has a token was
	// given it by the operator, who alone knows what it is for.
	PerToken admission.Limit
	// PerAddress is for each address that sends requests without a token; of IPv6 for
	// each /64, which is the least that one subscriber has.
	PerAddress admission.Limit
	// Unlimited are networks whose clients are limited by none of this, as if each had
	// a token: the node's own machine, a proxy that limits its clients itself.
	Unlimited []netip.Prefix
}

// DefaultConfig lets a person's pages, a follower that catches up and an auditor
// that reads tiles through, and no one address take a node for itself. What comes from
// the node's own machine is trusted not to.
func DefaultConfig() Config {
	return Config{
		PerAddress: admission.Limit{Every: time.Second / 100, Burst: 1_000},
		Unlimited:  Loopback(),
	}
}

// Loopback are the addresses of the machine itself.
func Loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// ParseNetworks reads networks, or single addresses; "none" alone is no network.
func ParseNetworks(texts []string) (networks []netip.Prefix, err error) {
	if len(texts) == 1 && texts[0] == "none" {
		return []netip.Prefix{}, nil
	}
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if at, errAddr := netip.ParseAddr(text); errAddr == nil {
			network, err = netip.PrefixFrom(at.WithZone("").Unmap(), at.Unmap().BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%q is not a network, such as 10.0.0.0/8, nor an address", text)
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

func (c Config) limits(peer netip.Addr) bool {
	return peer.IsValid() && !slices.ContainsFunc(c.Unlimited, func(n netip.Prefix) bool { return n.Contains(peer) })
}
