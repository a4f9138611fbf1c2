package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/cluster"
)

// serverConfig is how `bpsc server` is to run. Each field is a flag, a key of
// the YAML file, and a BPSC_… variable; in doubt the flag wins, then the
// variable, then the file.
type serverConfig struct {
	ID        string        // this member's name in Cluster
	Data      string        // folder for everything this member keeps
	Listen    string        // host:port of the API
	Advertise string        // URL under which clients reach the API; from Listen when empty
	Raft      string        // host:port this member listens on for the others
	Cluster   string        // id=host:port of every member, comma-separated, the same on each
	Contract  string        // JSON file of the default contract, for a cluster that has none
	Heartbeat time.Duration // silence after which members elect another leader
	LogLevel  string        // debug, info, warn or error
	LogFormat string        // text or json
}

const envPrefix = "BPSC_"

func serverFlags(f *pflag.FlagSet) {
	f.String("config", "", "YAML file with any of the settings below, by the same names")
	f.String("id", "", "name of this member in --cluster (required)")
	f.String("data", "", "folder for everything this member keeps (required)")
	f.String("listen", "127.0.0.1:5000", "host:port of the HTTP API")
	f.String("advertise", "", "URL under which clients reach the API (default: http:// and --listen)")
	f.String("raft", "", "host:port to listen on for the other members (default: this member's in --cluster)")
	f.String("cluster", "", "id=host:port of every member, comma-separated, the same on each (required)")
	f.String("contract", "", "JSON file of the default contract; read when the cluster has no contract yet")
	f.Duration("heartbeat", cluster.DefaultConfig().HeartbeatTimeout, "silence after which members elect another leader")
	f.String("log-level", "info", "debug, info, warn or error")
	f.String("log-format", "text", "text or json")
}

// loadConfig merges the file, the environment and the flags.
func loadConfig(flags *pflag.FlagSet) (serverConfig, error) {
	k := koanf.New("\n") // no key contains a newline: the settings are flat
	path, err := flags.GetString("config")
	if err != nil {
		return serverConfig{}, err
	}
	if path == "" {
		path = os.Getenv(envPrefix + "CONFIG")
	}
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return serverConfig{}, fmt.Errorf("%w: --config: %w", errUsage, err)
		}
	}
	known := flagNames(flags)
	for _, key := range k.Keys() {
		if !slices.Contains(known, key) {
			return serverConfig{}, fmt.Errorf("%w: %s: unknown setting %q", errUsage, path, key)
		}
	}
	err = errors.Join(
		k.Load(env.Provider("\n", env.Opt{Prefix: envPrefix, TransformFunc: envKey(known)}), nil),
		k.Load(posflag.Provider(flags, "\n", k), nil),
	)
	if err != nil {
		return serverConfig{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	c := serverConfig{
		ID: k.String("id"), Data: k.String("data"), Listen: k.String("listen"), Advertise: k.String("advertise"),
		Raft: k.String("raft"), Cluster: k.String("cluster"), Contract: k.String("contract"),
		Heartbeat: k.Duration("heartbeat"), LogLevel: k.String("log-level"), LogFormat: k.String("log-format"),
	}
	if c.Advertise == "" {
		c.Advertise = "http://" + c.Listen
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("%w: %w", errUsage, err)
	}
	return c, nil
}

func flagNames(flags *pflag.FlagSet) (names []string) {
	flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// envKey makes BPSC_LOG_LEVEL the key log-level, and ignores variables that
// are not settings of a server.
func envKey(known []string) func(k, v string) (string, any) {
	return func(k, v string) (string, any) {
		key := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(k, envPrefix)), "_", "-")
		if !slices.Contains(known, key) {
			return "", nil
		}
		return key, v
	}
}

// Validate says what is wrong with c, by the flag's name.
func (c serverConfig) Validate() error {
	switch {
	case c.ID == "":
		return errors.New("--id is required")
	case c.Data == "":
		return errors.New("--data is required")
	case c.Cluster == "":
		return errors.New("--cluster is required")
	case c.Heartbeat <= 0:
		return errors.New("--heartbeat must be a duration above 0, such as 150ms")
	case c.LogFormat != "text" && c.LogFormat != "json":
		return errors.New("--log-format must be text or json")
	}
	if u, err := url.Parse(c.Advertise); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("--advertise %q is not an http URL", c.Advertise)
	}
	if _, err := c.level(); err != nil {
		return errors.New("--log-level must be debug, info, warn or error")
	}
	_, err := c.peers()
	return err
}

func (c serverConfig) level() (l slog.Level, err error) {
	err = l.UnmarshalText([]byte(c.LogLevel))
	return l, err
}

// peers reads --cluster.
func (c serverConfig) peers() ([]cluster.Peer, error) {
	var peers []cluster.Peer
	for part := range strings.SplitSeq(c.Cluster, ",") {
		id, addr, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return nil, fmt.Errorf("--cluster: %q is not id=host:port", part)
		}
		peers = append(peers, cluster.Peer{ID: id, Addr: addr})
	}
	return peers, nil
}

// clusterConfig is the part of c that the cluster package needs.
func (c serverConfig) clusterConfig() (cluster.Config, error) {
	cc := cluster.DefaultConfig()
	peers, err := c.peers()
	if err != nil {
		return cc, err
	}
	cc.ID, cc.Peers, cc.Bind = c.ID, peers, c.Raft
	for _, p := range peers {
		if p.ID == c.ID && cc.Bind == "" {
			cc.Bind = p.Addr
		}
	}
	cc.HeartbeatTimeout, cc.ElectionTimeout, cc.LeaderLeaseTimeout = c.Heartbeat, c.Heartbeat, c.Heartbeat
	return cc, nil
}

// readContract reads the default contract's file; nil when none is named.
func (c serverConfig) readContract() (*chain.Contract, error) {
	if c.Contract == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.Contract)
	if err != nil {
		return nil, fmt.Errorf("%w: --contract: %w", errUsage, err)
	}
	contract, err := chain.DecodeContract(text)
	if err != nil {
		return nil, fmt.Errorf("%w: --contract %s: %w", errUsage, c.Contract, err)
	}
	return &contract, nil
}
