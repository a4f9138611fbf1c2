package provision

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/pki"
)

// initFlags are those of bpsc init and what is below it.
type initFlags struct {
	out, name, members, api, etc, data, contract string
	hosts                                        []string
	valid                                        time.Duration
}

func newInitCommand() *cobra.Command {
	f := &initFlags{}
	cmd := &cobra.Command{
		Use: "init --members ID=HOST:PORT,...", Short: "Make certificates, configurations and the first token of a cluster", Args: cli.ExactArgs(0),
		Example: `  bpsc init --members n1=10.0.0.1:6000,n2=10.0.0.2:6000,n3=10.0.0.3:6000 --etc /etc/bpsc --data /var/lib/bpsc`,
		Long: "Make what a cluster begins with, in a folder that is not there yet: an authority (ca.crt, ca.key),\n" +
			"the operator's root token (root.token), what a shell needs to reach the cluster (client.env), and\n" +
			"for each member a folder with its configuration, its certificates among the members and for clients,\n" +
			"and their keys. The folder of a member goes to its machine; with --etc and --data the configuration\n" +
			"says where to. Who has ca.key can make members: keep it off their machines.\n\n" +
			"bpsc init add makes the folder of a further member, bpsc init cert a certificate for a follower or a\n" +
			"witness, bpsc init renew new ones, which nodes take without a restart.",
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.OutOrStdout()) },
	}
	flags := cmd.Flags()
	f.folderFlag(cmd)
	f.memberFlags(cmd)
	flags.StringVar(&f.name, "name", "bpsc", "name of the cluster in its certificates: members of others are not let in")
	flags.StringVar(&f.members, "members", "", "id=host:port of every member, where the others reach it, comma-separated (required)")
	flags.StringVar(&f.contract, "contract", "", "JSON file of the default contract")
	cmd.AddCommand(newAddCommand(), newCertCommand(), newRenewCommand())
	return cmd
}

func (f *initFlags) folderFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.out, "out", "cluster", "folder of the cluster")
	cmd.Flags().DurationVar(&f.valid, "valid", pki.LeafValid, "how long the certificates are good for")
}

func (f *initFlags) checkValid() error {
	if f.valid <= 0 || f.valid > pki.AuthorityValid {
		return cli.ArgError("--valid must be a duration above 0 and at most %v", pki.AuthorityValid)
	}
	return nil
}

// memberFlags are those about members that are made.
func (f *initFlags) memberFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.api, "api", "", "id=host:port where clients reach members (default: port 5000 of the same hosts)")
	flags.StringArrayVar(&f.hosts, "host", nil, "ID=NAME: further name or address by which clients may call a member; may be repeated")
	flags.StringVar(&f.etc, "etc", "", "folder in which a member's files will be on its machine (default: where they are made)")
	flags.StringVar(&f.data, "data", "", "folder in which its data will be there (default: data beside its files)")
}

// layout is what the flags say.
func (f *initFlags) layout() (*layout, error) {
	if f.members == "" {
		return nil, cli.ArgError("--members is required: id=host:port of every member")
	}
	if err := f.checkValid(); err != nil {
		return nil, err
	}
	l, err := newLayout(f.out, f.name, f.members, f.api, f.hosts)
	if err != nil {
		return nil, err
	}
	l.etc, l.data = f.etc, f.data
	return l, nil
}

func (f *initFlags) run(out io.Writer) error {
	l, err := f.layout()
	if err != nil {
		return err
	}
	if len(l.members) == 2 {
		return cli.ArgError("of two members neither may fail: begin with one or three")
	}
	var contractText []byte
	if f.contract != "" {
		if contractText, err = os.ReadFile(f.contract); err != nil {
			return cli.ArgError("--contract: %w", err)
		}
		if _, err := chain.DecodeNewContract(contractText); err != nil {
			return cli.ArgError("--contract %s: %w", f.contract, err)
		}
	}
	if _, err := os.Lstat(l.out); err == nil {
		return cli.ArgError("%s is there already: bpsc init adds nothing to a folder, and overwrites nothing", l.out)
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	// All of it or nothing.
	part := folder(l.out + ".part")
	if err := durable.MkdirAll(filepath.Dir(l.out), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(string(part), 0o750); err != nil {
		return fmt.Errorf("%w: of a run that did not end? remove it", err)
	}
	err = l.writeCluster(part, contractText, time.Now(), f.valid)
	if err == nil {
		err = durable.Rename(string(part), l.out)
	}
	if err != nil {
		return errors.Join(err, durable.RemoveAll(string(part)))
	}
	return l.tell(out, f.valid)
}

// tell says what to do with what was made.
func (l *layout) tell(out io.Writer, valid time.Duration) error {
	lines := []string{fmt.Sprintf("made %s: cluster %s", l.out, l.name), ""}
	lines = append(lines, "start the members, each on its machine:")
	for _, m := range l.members {
		lines = append(lines, l.startLines(m)...)
	}
	lines = append(lines, "", "reach it from here:",
		fmt.Sprintf("  set -a; . '%s'; set +a", quoted(filepath.Join(l.out, clientEnv))), "  bpsc cluster status", "",
		"keep to yourself, and off the members' machines: "+filepath.Join(l.out, caKey)+", who has it can make members;",
		"and "+filepath.Join(l.out, rootToken)+", who has it may do everything.",
		fmt.Sprintf("the certificates are good until %s: bpsc init renew --out '%s' makes new ones.", time.Now().Add(valid).UTC().Format(time.DateOnly), quoted(l.out)))
	for _, line := range lines {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}

// startLines are how a member is started.
func (l *layout) startLines(m member) (lines []string) {
	if l.etc != "" {
		lines = append(lines, fmt.Sprintf("  copy %s/* to %s on %s, and", filepath.Join(l.out, m.id), l.etcOf(m), m.hosts[0]))
	}
	return append(lines, "  bpsc server --config "+filepath.Join(l.etcOf(m), configFile))
}
