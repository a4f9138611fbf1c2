package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/bpsc/bpsc/internal/identity"
)

// scheme is that of the URIs by which certificates name members.
const scheme = "bpsc"

// maxClusterName is the length of a label of a DNS name, which a cluster's name is.
const maxClusterName = 63

// Name is whom a member's certificate is for. The instance of a member's disk is not in
// it: a certificate is the machine's, and outlives its disk.
type Name struct {
	// Cluster is what its operator calls the cluster. The id of a cluster is known only
	// once it is founded, after its certificates were made; the handshake compares that.
	Cluster string
	// Member is the member's id.
	Member string
}

// Validate says what is wrong with n.
func (n Name) Validate() error {
	if err := ValidCluster(n.Cluster); err != nil {
		return err
	}
	return identity.Valid(n.Member)
}

// ValidCluster says what is wrong with the name of a cluster.
func ValidCluster(name string) error {
	if name == "" || len(name) > maxClusterName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.Trim(name, "-") != name {
		return fmt.Errorf("the name of a cluster is 1 to %d of a-z, 0-9 and -, and neither begins nor ends with -: %q is not", maxClusterName, name)
	}
	return nil
}

// URI is how the name stands in a certificate.
func (n Name) URI() *url.URL {
	return &url.URL{Scheme: scheme, Host: n.Cluster, Path: "/member/" + n.Member}
}

// String is the text of the URI.
func (n Name) String() string { return n.URI().String() }

// NameOf reads the name of a member from its certificate, which has exactly one.
func NameOf(cert *x509.Certificate) (Name, error) {
	var found []Name
	for _, uri := range cert.URIs {
		if uri.Scheme != scheme {
			continue
		}
		member, is := strings.CutPrefix(uri.Path, "/member/")
		n := Name{Cluster: uri.Host, Member: member}
		if err := n.Validate(); !is || err != nil || uri.RawQuery != "" || uri.Fragment != "" || uri.User != nil {
			return Name{}, fmt.Errorf("%w: %s is not %s://CLUSTER/member/ID", ErrNoName, uri.Redacted(), scheme)
		}
		found = append(found, n)
	}
	switch len(found) {
	case 0:
		return Name{}, ErrNoName
	case 1:
		return found[0], nil
	}
	return Name{}, fmt.Errorf("%w: it names several members", ErrNoName)
}

var (
	// ErrNone: there is no certificate.
	ErrNone = errors.New("it shows no certificate")
	// ErrNoName: a certificate that is none of a member's.
	ErrNoName = errors.New("its certificate names no member of a cluster")
	// ErrOtherName: a certificate of somebody else.
	ErrOtherName = errors.New("its certificate is not that of this member")
	// ErrExpired: a certificate whose time is over.
	ErrExpired = errors.New("its certificate has expired")
	// ErrNotYet: a certificate whose time has not come.
	ErrNotYet = errors.New("its certificate is not valid yet")
	// ErrSelfSigned: a certificate that nobody else has signed.
	ErrSelfSigned = errors.New("its certificate is self-signed")
	// ErrForeign: a certificate of an authority that is not trusted here.
	ErrForeign = errors.New("its certificate is from an authority that is not trusted here")
	// ErrWrongUse: a certificate for something else.
	ErrWrongUse = errors.New("its certificate is not for this use")
	// ErrInvalid: a certificate that does not verify.
	ErrInvalid = errors.New("its certificate does not verify")
)
