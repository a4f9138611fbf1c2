package roster

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/internal/identity"
)

// Peer is one of the members that found a cluster.
type Peer struct {
	ID   string // unique
	Addr string // host:port of the member's raft listener, as the others reach it
}

// Reachable tells whether others can connect to an address. Figures alone are no
// host: 0 is read as the address that stands for all of a machine's.
func Reachable(addr string) bool {
	host, service, err := net.SplitHostPort(addr)
	ip, ipErr := netip.ParseAddr(host)
	if err != nil || ipErr != nil && strings.Trim(host, "0123456789.") == "" || ip.WithZone("").Unmap().IsUnspecified() {
		return false
	}
	_, portErr := strconv.ParseUint(service, 10, 16)
	named := strings.Trim(service, "0123456789") != "" // such as "http"
	return named || portErr == nil && strings.Trim(service, "0") != ""
}

// ClusterID tells clusters apart: it is derived from the founders, so two
// clusters that reuse each other's ports do not mix.
func ClusterID(peers []Peer) string {
	h := sha256.New()
	for _, p := range Sorted(peers) {
		fmt.Fprintf(h, "%q=%q\n", p.ID, p.Addr)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Sorted is the list in an order that does not depend on who wrote it down.
func Sorted(peers []Peer) []Peer {
	return slices.SortedFunc(slices.Values(peers), func(a, b Peer) int { return cmp.Compare(a.ID, b.ID) })
}

// Founders is the first configuration, in the order that makes it the same on every
// member.
func Founders(peers []Peer) raft.Configuration {
	var c raft.Configuration
	for _, p := range Sorted(peers) {
		c.Servers = append(c.Servers, raft.Server{
			Suffrage: raft.Voter,
			ID:       raft.ServerID(identity.New(p.ID, "")),
			Address:  Address{HostPort: p.Addr}.Encode(),
		})
	}
	return c
}
