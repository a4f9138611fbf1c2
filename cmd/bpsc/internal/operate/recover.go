package operate

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/node/repair"
)

// recoverOptions are the flags of cluster recover.
type recoverOptions struct {
	*cli.Options
	rescue        repair.Recover
	members, most string
	dryRun        bool
}

// recovered is what cluster recover found, and did.
type recovered struct {
	repair.Survivor
	Has    string   `json:"has"`              // TERM/ENTRY
	Before []string `json:"before,omitempty"` // voters
	After  []string `json:"after,omitempty"`
}

func newRecoverCommand(o *cli.Options) *cobra.Command {
	r := &recoverOptions{Options: o}
	cmd := &cobra.Command{
		Use: "recover --data DIR --members ID=HOST:PORT[,…] --by NAME --reason TEXT", Args: cli.ExactArgs(0),
		Example: `  bpsc cluster recover --data /var/lib/bpsc --dry-run
  bpsc cluster recover --data /var/lib/bpsc --members n1=10.0.0.1:6000 --by "A. Operator" --reason "n2 and n3 burned down"`,
		Short: "Go on without a majority that is lost for good",
		Long: "Go on without a majority that is lost for good. First of all see whether the others can be\n" +
			"started again: what only they have is lost by this, and if they are not gone there are two\n" +
			"clusters afterwards. Every chain is marked with who did it, and why; followers, witnesses and\n" +
			"auditors stop there until their operators accept it.\n\n" +
			"Stop all members that are left. Ask each what it has, with --dry-run. Run it on each of them\n" +
			"with the same --members, and --most what the one has that has the most. Then start them.",
		RunE: func(cmd *cobra.Command, _ []string) error { return r.recover(cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.StringVar(&r.rescue.Data, "data", "", "data folder of the member, which must be stopped (required)")
	f.StringVar(&r.members, "members", "", "those that go on, as id=host:port, this one among them")
	f.StringVar(&r.most, "most", "", "TERM/ENTRY of the member that has the most, as --dry-run shows it on each (required with several members)")
	f.StringVar(&r.rescue.By, "by", "", "who does this; every chain says it")
	f.StringVar(&r.rescue.Reason, "reason", "", "why; every chain says it")
	f.BoolVar(&r.dryRun, "dry-run", false, "say what this member has, and change nothing")
	return cmd
}

func (r *recoverOptions) recover(out io.Writer) (err error) {
	if r.rescue.Data == "" {
		return cli.ArgError("--data is required")
	}
	if r.most != "" {
		if r.rescue.Most, err = repair.ParseReach(r.most); err != nil {
			return cli.ArgError("--most: %w", err)
		}
	}
	if r.members != "" {
		if r.rescue.Members, err = cli.ParsePeers(r.members); err != nil {
			return cli.ArgError("--members %q is not id=host:port, comma-separated", r.members)
		}
	}
	if !r.dryRun {
		if err := r.rescue.Validate(); err != nil {
			return err
		}
	}
	has, err := repair.Survey(r.rescue.Data)
	if err != nil {
		return err
	}
	done := recovered{Survivor: has, Has: has.Has.String()}
	if r.dryRun {
		return r.Say(out, done, done.survey(r.rescue.Members))
	}
	if done.Before, done.After, err = r.rescue.Run(time.Now()); err != nil {
		if errors.Is(err, repair.ErrNotTheMost) {
			err = fmt.Errorf("%w: %w", cli.ErrRejected, err)
		}
		return err
	}
	return r.Say(out, done, fmt.Sprintf("%s goes on with %s, who have a majority of themselves. Do the same on each of them, and start\n"+
		"them. Nobody else of %s may ever be started again on the folder that it had.\n",
		identity.Identity(done.Member).ID(), voterNames(done.After), voterNames(done.Before)))
}

// survey says what a member has, and what majority there would be.
func (d recovered) survey(members []roster.Peer) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s has %s (term and last entry), and knows entry %d to be final.\nThe voters are %s.\n",
		identity.Identity(d.Member).ID(), d.Has, d.Commit, voterNames(d.Voters))
	if len(members) > 0 {
		var ids []string
		for _, m := range members {
			ids = append(ids, m.ID)
		}
		n := len(ids)
		fmt.Fprintf(&text, "They would be %s: %d of them would be a majority, and %d could fail.\n", strings.Join(ids, " "), proof.Majority(n), n-proof.Majority(n))
	}
	text.WriteString("Nothing has been changed.\n")
	return text.String()
}
