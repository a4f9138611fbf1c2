package serve

import (
	"errors"

	"github.com/bpsc/bpsc/api/admission"
	"github.com/bpsc/bpsc/api/edge"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/settings"
	"github.com/bpsc/bpsc/internal/diskspace"
	"github.com/bpsc/bpsc/node"
)

// listening is where a process listens, which a node of another program need not.
func listening(to *string) settings.Delayed {
	return settings.Later(to, func() error {
		if *to == "" {
			return errors.New(`--listen "" is not host:port`)
		}
		return nil
	})
}

func minFreeSetting(to *diskspace.Reserve) settings.Row {
	return settings.New("min-free", settings.Parsed(to, diskspace.ParseReserve),
		"what is to stay free on the disk of --data, in bytes or as a share, such as 2GiB or 5%; with less no writes are taken until there is room; 0: fill it (default: 256MiB)")
}

func adminSetting(to *string) settings.Row {
	return settings.New("admin", to, "host:port, on a loopback address, at which whoever runs this node finds /metrics, /debug/pprof, /livez and /readyz, apart from clients (default: nowhere)")
}

// edgeSettings say how much clients may ask for.
func edgeSettings(c *edge.Config) settings.Table {
	unlimited := new([]string)
	return settings.Table{
		settings.New("rate-per-address", settings.Parsed(&c.PerAddress, admission.ParseLimit),
			"how many requests a second each address may send without a token, or each /64 of IPv6, and after a colon how many at once; a KiB of a body counts as one; 0: any number (default: 100:1000)").Live(),
		settings.New("rate-per-token", settings.Parsed(&c.PerToken, admission.ParseLimit),
			"the same for each token, wherever it is used (default: any number)").Live(),
		settings.New("unlimited-network", settings.Each(unlimited, ",", func() (err error) {
			if len(*unlimited) > 0 {
				c.Unlimited, err = edge.ParseNetworks(*unlimited)
			}
			return err
		}), "network or address whose clients are limited as little as with a token, such as a proxy's that limits its own; none: not even this machine; may be repeated (default: 127.0.0.0/8 and ::1)").Live(),
	}
}

func accessSettings(a *node.Access) settings.Table {
	path := new(string)
	return append(edgeSettings(&a.Edge), settings.Table{
		settings.New("allow-host", &a.AllowHost, "further name by which this node may be called (its addresses, localhost and the hosts of --listen and --advertise are allowed); may be repeated").Live(),
		settings.New("allow-origin", &a.AllowOrigin, "scheme://host[:port] of a site whose pages may write here; may be repeated").Live(),
		settings.New("operator-secret-file", settings.Later(path, func() (err error) {
			a.OperatorSecret, err = cli.ReadSecret(*path)
			return err
		}), "file with the secret that may do everything, and makes the first tokens, as Authorization: Bearer …; "+
			"also the variable "+cli.SecretVariable+" (default: on loopback without TLS, whoever is on this machine is the operator, until there is a token for that)").Live(),
		settings.New("anonymous", &a.Anonymous, "what needs no token: read, submit, or none; may be repeated (default: read,submit on loopback without TLS, else none)").OneOf("read", "submit", "none").Live(),
	}...)
}
