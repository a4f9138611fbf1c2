package serve

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/settings"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/node"
	"github.com/bpsc/bpsc/node/metrics"
)

func newServerCommand() *cobra.Command {
	c := memberConfiguration()
	cmd := &cobra.Command{
		Use: "server", Short: "Run a member of a cluster", Args: cli.ExactArgs(0),
		Example: `  bpsc server --config /etc/bpsc/bpsc.yaml
  bpsc server --id n1 --data n1 --cluster n1=127.0.0.1:6000 --contract contract.json`,
		Long: "Run a member of a cluster. Settings come from flags, " + cli.EnvPrefix + "… variables\n" +
			"(--log-level is " + cli.EnvPrefix + "LOG_LEVEL) and the YAML file of --config, in that order.",
		RunE: func(cmd *cobra.Command, _ []string) error { return runProcess(cmd, c, memberConfiguration) },
	}
	c.table.AddTo(cmd)
	return cmd
}

func memberConfiguration() *configuration {
	cfg, logs := node.DefaultMemberConfig(), &logConfig{}
	return &configuration{
		table: memberSettings(&cfg, logs), logs: logs, check: cfg.Validate, files: cfg.CheckFiles,
		start: func(ctx context.Context, p *process) (running, error) {
			cfg.Logger, cfg.RecentLog, cfg.Version = p.log, p.recent.Tail, release.Version
			raft := metrics.NewRaft()
			if err := raft.Install(); err != nil {
				return nil, err
			}
			cfg.Collectors = []prometheus.Collector{raft}
			return node.StartMember(context.WithoutCancel(ctx), cfg)
		},
		reload: func(n running) error { return n.(*node.Member).Reload(cfg) },
		alike:  func() (string, []alike) { return cfg.ID, membersAlike(&cfg) },
	}
}

func memberSettings(c *node.MemberConfig, logs *logConfig) settings.Table {
	return slices.Concat(logSettings(logs), accessSettings(&c.Access), tlsSettings(&c.TLS), memberTLSSettings(&c.MemberTLS), settings.Table{
		settings.New("id", &c.ID, "name of this member (required)"),
		settings.New("data", &c.Data, "folder for everything this member keeps (required)"),
		minFreeSetting(&c.MinFree),
		adminSetting(&c.Admin),
		settings.New("listen", listening(&c.Listen), "host:port of the HTTP API"),
		settings.New("advertise", &c.Advertise, "URL under which clients reach the API (default: http:// or https://, and --listen)"),
		settings.New("raft", &c.Raft, "host:port to listen on for the other members (default: this member's in --cluster)"),
		settings.New("cluster", settings.Parsed(&c.Peers, cli.ParsePeers), "id=host:port of every member with which the cluster begins, comma-separated, the same on each; it counts on the first start only"),
		settings.New("join", &c.Join, "on the first start, wait until a cluster adds this member (bpsc cluster add, or replace), and begin none"),
		settings.New("two-voters", &c.TwoVoters, "let a cluster begin with two members: when either of them fails nothing is written any more"),
		settings.New("promote-lag", &c.PromoteLag, "how many entries of the log a member that was added may lag to become a voter"),
		settings.New("promote-after", &c.PromoteAfter, "for how long it may not lag more"),
		settings.New("contract", settings.Later(&c.ContractFile, func() (err error) {
			c.Contract, err = readContract(c.ContractFile)
			return err
		}), "JSON file of the default contract; read when the cluster has no contract yet"),
		settings.New("witnesses", settings.Parsed(&c.Witnesses, cli.ReadWitnesses), "file of the witnesses to ask for cosignatures: lines as bpsc witness key prints them"),
		settings.New("witness-quorum", &c.WitnessQuorum, "how many of the witnesses this cluster's policy requires"),
		settings.New("auto-activate", &c.AutoActivate, "how long all members have to have known a new level before it is activated, after which there is no way back (0: an operator does it)"),
		settings.New("log-store", &c.LogStore, "how the log is kept: bolt, or wal, with one sync a write instead of two; where it is kept otherwise it is moved at the start"),
		settings.New("heartbeat", settings.Presets(&c.Heartbeat, node.Heartbeats()), "silence after which members elect another leader: dedicated (500ms), lan (1s), wan (3s), or a duration; one whose process is dead they replace at once").OneOf(slices.Sorted(maps.Keys(node.Heartbeats()))...),
	})
}

func readContract(path string) (*chain.Contract, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--contract: %w", err)
	}
	contract, err := chain.DecodeNewContract(text)
	if err != nil {
		return nil, fmt.Errorf("--contract %s: %w", path, err)
	}
	return &contract, nil
}
