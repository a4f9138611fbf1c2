package main

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/follower/chainsync"
)

// followConfig is how `bpsc follow` is to run. As with a server each field is
// a flag, a key of the YAML file and a BPSC_… variable.
type followConfig struct {
	Listen    string   // host:port of the API
	Data      string   // folder for everything this node keeps
	Upstream  []string // URLs of one cluster, all of whose contracts are followed
	BPSC      []string // TOKEN=URL[,URL…]: one contract of another cluster
	Pin       []string // TOKEN=CHAIN-ID: the only chain that goes by this token
	Policy    []string // files that say whose signatures count
	FirstUse  []string // tokens about which the first upstream is believed, though Policy or Pin is given
	Advertise string   // URL to register at the upstreams; none when empty
	Strict    bool     // end once there is evidence against an upstream
	accessConfig
	logConfig
}

func followFlags(f *pflag.FlagSet) {
	settingsFlags(f)
	accessFlags(f)
	f.String("listen", "127.0.0.1:5001", "host:port of the HTTP API")
	f.String("data", "", "folder for everything this node keeps (required)")
	f.StringSlice("upstream", nil, "URLs of one cluster, or of followers of it; all of its contracts are followed")
	f.StringArray("bpsc", nil, "TOKEN=URL[,URL…]: one contract of another cluster; may be repeated")
	f.StringArray("pin", nil, "TOKEN=CHAIN-ID: refuse any other chain of this token; may be repeated")
	f.StringArray("policy", nil, "file that says whose signatures count, and for which chains; may be repeated (default: believe the first upstream)")
	f.StringArray("trust-first-use", nil, "TOKEN about which the first upstream is believed, though --policy or --pin is given and does not cover it; may be repeated")
	f.String("advertise", "", "URL under which this node registers itself at its upstreams (default: it does not)")
	f.Bool("strict", false, "end with exit code 5 once there is evidence that an upstream lies")
}

func loadFollowConfig(flags *pflag.FlagSet) (followConfig, error) {
	k, err := loadSettings(flags)
	if err != nil {
		return followConfig{}, err
	}
	c := followConfig{
		Listen: k.String("listen"), Data: k.String("data"), Upstream: settingList(k, "upstream", ","),
		BPSC: settingList(k, "bpsc", " "), Pin: settingList(k, "pin", " "), Policy: settingList(k, "policy", ","),
		FirstUse:  settingList(k, "trust-first-use", ","),
		Advertise: k.String("advertise"), Strict: k.Bool("strict"), accessConfig: readAccessConfig(k), logConfig: readLogConfig(k),
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("%w: %w", errUsage, err)
	}
	return c, nil
}

// settingList reads a setting of several values, which in a variable are one
// text.
func settingList(k *koanf.Koanf, key, separator string) (list []string) {
	text, ok := k.Get(key).(string)
	if !ok {
		return append(list, k.Strings(key)...)
	}
	for part := range strings.SplitSeq(text, separator) {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// Validate says what is wrong with c, by the flag's name.
func (c followConfig) Validate() error {
	switch {
	case c.Data == "":
		return errors.New("--data is required")
	case len(c.Upstream)+len(c.BPSC) == 0:
		return errors.New("--upstream or --bpsc is required")
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("--listen %q is not host:port", c.Listen)
	}
	if c.Advertise != "" {
		if err := checkURL(c.Advertise); err != nil {
			return fmt.Errorf("--advertise %s: %w", c.Advertise, err)
		}
	}
	if err := errors.Join(c.logConfig.Validate(), c.accessConfig.Validate()); err != nil {
		return err
	}
	_, err := c.sources()
	if err == nil {
		_, err = c.pins()
	}
	return err
}

// sources reads --upstream and --bpsc.
func (c followConfig) sources() ([]chainsync.Source, error) {
	var sources []chainsync.Source
	if len(c.Upstream) > 0 {
		sources = append(sources, chainsync.Source{Upstreams: c.Upstream})
	}
	for _, text := range c.BPSC {
		token, urls, ok := strings.Cut(text, "=")
		if !ok || token == "" {
			return nil, fmt.Errorf("--bpsc: %q is not TOKEN=URL[,URL…]", text)
		}
		sources = append(sources, chainsync.Source{Token: token, Upstreams: strings.Split(urls, ",")})
	}
	for _, s := range sources {
		flag := "--bpsc"
		if s.Token == "" {
			flag = "--upstream"
		}
		for _, u := range s.Upstreams {
			if !isURL(u) {
				return nil, fmt.Errorf("%s: %q is not an http URL", flag, u)
			}
		}
	}
	return sources, nil
}

// policies reads the files of --policy.
func (c followConfig) policies() (policies []*proof.Policy, err error) {
	for _, path := range c.Policy {
		p, err := readPolicy(path)
		if err != nil {
			return nil, err
		}
		policies = append(policies, p)
	}
	return policies, nil
}

// pins reads --pin: chain ids by token.
func (c followConfig) pins() (map[string]chain.Hash, error) {
	pins := map[string]chain.Hash{}
	for _, text := range c.Pin {
		token, id, ok := strings.Cut(text, "=")
		hash, err := chain.ParseHash(id)
		if !ok || err != nil || token == "" {
			return nil, fmt.Errorf("--pin: %q is not TOKEN=CHAIN-ID, 64 hexadecimal digits", text)
		}
		pins[token] = hash
	}
	return pins, nil
}
