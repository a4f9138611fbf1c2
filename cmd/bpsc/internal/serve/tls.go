package serve

import (
	"fmt"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/settings"
	"github.com/bpsc/bpsc/node"
)

func tlsSettings(t *node.TLS) settings.Table {
	return settings.Table{
		settings.New("tls-cert", &t.Cert, "file of the certificate that clients are shown, taken anew when it changes; needed where --listen is no loopback address"),
		settings.New("tls-key", &t.Key, "file of its key"),
		settings.New("cacert", &t.CACert, "file of the authorities that are trusted where others are asked over https (default: the system's)"),
		settings.New("insecure", &t.Insecure, "allow plain connections over networks where anybody can read and change them"),
	}
}

func memberTLSSettings(t *node.MemberTLS) settings.Table {
	return settings.Table{
		settings.New("member-ca", &t.CA, "file of the authorities of the members' certificates; needed, as the next two, where --raft is no loopback address"),
		settings.New("member-cert", &t.Cert, "file of this member's certificate among the others, which names bpsc://CLUSTER/member/ID; taken anew when it changes"),
		settings.New("member-key", &t.Key, "file of its key"),
		settings.New("member-tls", settings.Parsed(&t.AcceptPlain, parseMemberTLS), "require TLS of other members, or accept plain ones as well while a cluster goes over to it (default: require, with certificates)").OneOf("require", "accept"),
	}
}

func parseMemberTLS(text string) (acceptPlain bool, err error) {
	switch text {
	case "accept":
		return true, nil
	case "require":
		return false, nil
	}
	return false, fmt.Errorf("--member-tls %q is neither require nor accept", text)
}
