package serve

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/settings"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/node"
	"github.com/bpsc/bpsc/witness"
)

func newWitnessCommand() *cobra.Command {
	c := witnessConfiguration()
	cmd := &cobra.Command{
		Use: "witness", Short: "Run a witness: cosign checkpoints, and no two that contradict each other", Args: cli.ExactArgs(0),
		Example: `  bpsc witness --name w1 --data /var/lib/bpsc-witness --policy policy.txt`,
		Long: "Run a witness after C2SP tlog-witness, on another machine and by other people than the\n" +
			"clusters it watches. It cosigns a checkpoint once the majority that a policy asks for has\n" +
			"signed it and it extends the one before, and remembers that before it answers. When the\n" +
			"members change they tell it, and it goes on where a majority of those before has signed that.\n" +
			"Keep its folder out of every backup: a witness that forgets is none.",
		RunE: func(cmd *cobra.Command, _ []string) error { return runProcess(cmd, c, witnessConfiguration) },
	}
	c.table.AddTo(cmd)
	cmd.AddCommand(newWitnessKeyCommand())
	return cmd
}

func witnessConfiguration() *configuration {
	cfg, logs := node.DefaultWitnessConfig(), &logConfig{}
	return &configuration{
		table: witnessSettings(&cfg, logs), logs: logs, check: cfg.Validate, files: cfg.CheckFiles,
		start: func(ctx context.Context, p *process) (running, error) {
			cfg.Logger, cfg.Version = p.log, release.Version
			return node.StartWitness(context.WithoutCancel(ctx), cfg)
		},
		reload: func(n running) error { return n.(*node.Witness).Reload(cfg) },
	}
}

func witnessSettings(c *node.WitnessConfig, logs *logConfig) settings.Table {
	var policies []string
	return slices.Concat(logSettings(logs), tlsSettings(&c.TLS), settings.Table{
		settings.New("name", &c.Name, "name of this witness in policies (required)"),
		settings.New("listen", listening(&c.Listen), "host:port to serve on"),
		settings.New("data", &c.Data, "folder for the key and for what was cosigned (required)"),
		minFreeSetting(&c.MinFree),
		adminSetting(&c.Admin),
		settings.New("accept-recovery", settings.Repeatedly(&c.AcceptRecovery, ",", cli.ParseRecoveries), "HASH of a handover by which a cluster that had lost its majority went on, which is cosigned then; may be repeated, and is remembered"),
		settings.New("policy", settings.Later(&policies, func() error { return readLogs(policies, &c.Logs) }),
			"policy file of a cluster whose checkpoints are cosigned, for one chain or for any of its members (bpsc cluster keys --any-chain); may be repeated (required)"),
	})
}

func readLogs(paths []string, logs *[]witness.Log) error {
	policies, err := readPolicies(paths)
	for i, policy := range policies {
		*logs = append(*logs, witness.Log{Name: paths[i], Policies: policy})
	}
	return err
}

// newWitnessKeyCommand prints what members and policies need to know of a
// witness.
func newWitnessKeyCommand() *cobra.Command {
	var data, name, url string
	cmd := &cobra.Command{
		Use: "key", Short: "Print the line of a witness for --witnesses and for policies", Args: cli.ExactArgs(0),
		Example: `  bpsc witness key --name w1 --data /var/lib/bpsc-witness`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if data == "" || name == "" {
				return cli.ArgError("--data and --name are required")
			}
			if err := node.CheckURL(url); err != nil {
				return cli.ArgError("--url %s: %v", url, err)
			}
			key, err := node.WitnessKey(data, name)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "witness", name, key, url)
			return err
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "folder of the witness (required); the key is made when there is none")
	cmd.Flags().StringVar(&name, "name", "", "name of the witness (required)")
	cmd.Flags().StringVar(&url, "url", "http://127.0.0.1:5500", "URL under which members reach it")
	return cmd
}
