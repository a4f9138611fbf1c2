package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/bpsc/bpsc/api"
)

// accessConfig says from whom a process that serves takes what changes
// something: by which names it may be called, whose pages may write, and what
// the operator's requests have to know.
type accessConfig struct {
	AllowHost          []string
	AllowOrigin        []string
	OperatorSecretFile string
}

func accessFlags(f *pflag.FlagSet) {
	f.StringSlice("allow-host", nil, "further name by which this node may be called (its addresses, localhost and the hosts of --listen and --advertise are allowed); may be repeated")
	f.StringSlice("allow-origin", nil, "scheme://host[:port] of a site whose pages may write here; may be repeated")
	f.String("operator-secret-file", "", "file with the secret that the operator's requests carry, as Authorization: Bearer …; "+
		"also the variable "+secretVariable+" (default: they must come from this machine)")
}

// secretVariable holds the secret itself. It has no flag, which everybody on
// the machine could read.
const secretVariable = envPrefix + "OPERATOR_SECRET"

// minSecret keeps a secret from being guessed over the network.
const minSecret = 16

func readAccessConfig(k *koanf.Koanf) accessConfig {
	return accessConfig{AllowHost: settingList(k, "allow-host", ","), AllowOrigin: settingList(k, "allow-origin", ","),
		OperatorSecretFile: k.String("operator-secret-file")}
}

// apply sets what c says in the API's configuration. addresses are those under
// which this process is reached, URLs or host:port.
func (c accessConfig) apply(cfg *api.Config, addresses ...string) (err error) {
	cfg.Hosts, cfg.Origins = c.AllowHost, c.AllowOrigin
	for _, a := range addresses {
		if host := hostOf(a); host != "" {
			cfg.Hosts = append(cfg.Hosts, host)
		}
	}
	cfg.OperatorSecret, err = c.secret()
	return err
}

// hostOf is the host of a URL or a host:port.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Hostname()
	}
	host, _, _ := net.SplitHostPort(address)
	return host
}

func (c accessConfig) secret() (string, error) {
	secret, from := os.Getenv(secretVariable), secretVariable
	if c.OperatorSecretFile != "" {
		text, err := os.ReadFile(c.OperatorSecretFile)
		switch {
		case err != nil:
			return "", fmt.Errorf("--operator-secret-file: %w", err)
		case secret != "":
			return "", fmt.Errorf("--operator-secret-file and %s: give one of them", secretVariable)
		}
		secret, from = string(text), "--operator-secret-file"
	} else if secret == "" {
		return "", nil
	}
	if secret = strings.TrimSpace(secret); len(secret) < minSecret {
		return "", fmt.Errorf("the secret of %s has %d bytes, at least %d are needed", from, len(secret), minSecret)
	}
	return secret, nil
}

// Validate says what is wrong with c, by the flag's name.
func (c accessConfig) Validate() error {
	for _, h := range c.AllowHost {
		if strings.ContainsAny(h, "/@: ") {
			return fmt.Errorf("--allow-host %q is not a name: without scheme and port", h)
		}
	}
	for _, o := range c.AllowOrigin {
		if u, err := url.Parse(o); !isURL(o) || err != nil || o != u.Scheme+"://"+u.Host {
			return fmt.Errorf("--allow-origin %q is not scheme://host[:port]", o)
		}
	}
	_, err := c.secret()
	return err
}
