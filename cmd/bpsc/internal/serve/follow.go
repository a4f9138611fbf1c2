package serve

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/settings"
	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/node"
)

func newFollowCommand() *cobra.Command {
	c := followerConfiguration()
	cmd := &cobra.Command{
		Use: "follow", Short: "Run a node outside a cluster: verified copies, relayed writes, a chain of its own", Args: cli.ExactArgs(0),
		Example: `  bpsc follow --data f1 --listen 127.0.0.1:5001 --upstream http://127.0.0.1:5000,http://127.0.0.1:5010`,
		Long: "Run a node outside a cluster. It copies chains from members or other followers and\n" +
			"verifies all of it before it stores any, answers reads, hands transactions to the BPSC, and\n" +
			"keeps a personal chain. It shows a checkpoint that as many members signed as a policy asks\n" +
			"for: one of --policy, or else the first that an upstream shows, kept in DATA/policies.\n" +
			"When members change it follows them, where a majority of those before has signed that. Where\n" +
			"a majority was lost and somebody went on without it, it takes nothing more, and says so, until\n" +
			"--accept-recovery or the new --policy is given.\n" +
			"Where --policy or --pin is given, contracts that they do not cover are not followed, but for\n" +
			"those of --trust-first-use. While there is evidence of a lying upstream in DATA/evidence\n" +
			"it is not ready; with --strict it ends with exit code 5. Move the files away to go on.\n" +
			"Settings come from flags, " + cli.EnvPrefix + "… variables and the YAML file of --config, in that order.",
		RunE: func(cmd *cobra.Command, _ []string) error { return runProcess(cmd, c, followerConfiguration) },
	}
	c.table.AddTo(cmd)
	return cmd
}

func followerConfiguration() *configuration {
	cfg, logs := node.DefaultFollowerConfig(), &logConfig{}
	return &configuration{
		table: followerSettings(&cfg, logs), logs: logs, check: cfg.Validate, files: cfg.CheckFiles,
		start: func(ctx context.Context, p *process) (running, error) {
			cfg.Logger, cfg.RecentLog, cfg.Version = p.log, p.recent.Tail, release.Version
			f, err := node.StartFollower(context.WithoutCancel(ctx), cfg)
			if err == nil {
				p.beside.Go(func() { cli.ShowProgress(ctx, p.log, f.Status) })
			}
			return f, err
		},
		reload: func(n running) error { return n.(*node.Follower).Reload(cfg) },
	}
}

func followerSettings(c *node.FollowerConfig, logs *logConfig) settings.Table {
	var upstream, bpsc []string
	tokenFile := new(string)
	return slices.Concat(logSettings(logs), accessSettings(&c.Access), tlsSettings(&c.TLS), settings.Table{
		settings.New("listen", listening(&c.Listen), "host:port of the HTTP API"),
		settings.New("data", &c.Data, "folder for everything this node keeps (required)"),
		minFreeSetting(&c.MinFree),
		adminSetting(&c.Admin),
		settings.New("upstream", &upstream, "URLs of one cluster, or of followers of it; all of its contracts are followed"),
		settings.New("bpsc", settings.Each(&bpsc, " ", func() (err error) {
			c.Sources, err = parseSources(upstream, bpsc)
			return err
		}), "TOKEN=URL[,URL…]: one contract of another cluster; may be repeated"),
		settings.New("pin", settings.Repeatedly(&c.Pins, " ", parsePins), "TOKEN=CHAIN-ID: refuse any other chain of this token; may be repeated"),
		settings.New("policy", settings.Repeatedly(&c.Policies, ",", readPolicies), "file that says whose signatures count, and for which chains: a policy, or a history of them; may be repeated (default: believe the first upstream)"),
		settings.New("accept-recovery", settings.Repeatedly(&c.AcceptRecovery, ",", cli.ParseRecoveries), "HASH of a handover by which a cluster that had lost its majority went on, which this node then follows; may be repeated, and is remembered"),
		settings.New("trust-first-use", settings.Each(&c.FirstUse, ",", nil), "TOKEN about which the first upstream is believed, though --policy or --pin is given and does not cover it; may be repeated"),
		settings.New("upstream-token-file", settings.Later(tokenFile, func() (err error) {
			c.UpstreamToken, err = cli.ReadToken(*tokenFile)
			return err
		}), "file with the token that is sent to upstreams, which have to be https or on this machine"),
		settings.New("advertise", &c.Advertise, "URL under which this node registers itself at its upstreams (default: it does not)"),
		settings.New("strict", &c.Strict, "end with exit code 5 once there is evidence that an upstream lies"),
	})
}

func parseSources(upstream, bpsc []string) (sources []chainsync.Source, err error) {
	if len(upstream) > 0 {
		sources = append(sources, chainsync.Source{Upstreams: upstream})
	}
	for _, text := range bpsc {
		token, urls, ok := strings.Cut(text, "=")
		if !ok || token == "" {
			return nil, fmt.Errorf("--bpsc: %q is not TOKEN=URL[,URL…]", text)
		}
		sources = append(sources, chainsync.Source{Token: token, Upstreams: strings.Split(urls, ",")})
	}
	return sources, nil
}

func readPolicies(paths []string) (policies []*proof.History, err error) {
	for _, path := range paths {
		p, err := cli.ReadHistory(path, nil)
		if err != nil {
			return nil, err
		}
		policies = append(policies, p)
	}
	return policies, nil
}

// parsePins reads chain ids by token.
func parsePins(texts []string) (map[string]chain.Hash, error) {
	pins := map[string]chain.Hash{}
	for _, text := range texts {
		token, id, ok := strings.Cut(text, "=")
		hash, err := chain.ParseHash(id)
		if !ok || err != nil || token == "" {
			return nil, fmt.Errorf("--pin: %q is not TOKEN=CHAIN-ID, 64 hexadecimal digits", text)
		}
		pins[token] = hash
	}
	return pins, nil
}
