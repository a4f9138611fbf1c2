package operate

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/identity"
)

// voterTimeout is how long add and replace wait for a voter: copying the state of a
// large ledger takes minutes.
const voterTimeout = 10 * time.Minute

// changeOptions are the flags of the commands that change who the members are.
type changeOptions struct {
	*cli.Options
	secretFile string
	change     client.MemberChange
	noWait     bool
	within     time.Duration
}

// newChangeCommands are the commands that change who the members are.
func newChangeCommands(o *cli.Options) []*cobra.Command {
	return []*cobra.Command{
		newAddCommand(o),
		newChangeCommand(o, client.PromoteMember, "promote ID", "Make a voter of a non-voter that has caught up"),
		newChangeCommand(o, client.DemoteMember, "demote ID", "Make a non-voter of a voter, until it is promoted"),
		newChangeCommand(o, client.RemoveMember, "remove ID", "Remove a member; its data folder never takes part again"),
		newReplaceCommand(o), newTransferCommand(o),
	}
}

func newAddCommand(o *cli.Options) *cobra.Command {
	c := &changeOptions{Options: o, change: client.MemberChange{Kind: client.AddMember}}
	cmd := &cobra.Command{
		Use: "add ID HOST:PORT", Short: "Add a member, which copies the ledger and then becomes a voter", Args: cli.ExactArgs(2),
		Example: `  bpsc cluster add n4 10.0.0.4:6000 --dry-run
  bpsc cluster add n4 10.0.0.4:6000`,
		Long: "Add a member. Start it first, with an empty data folder: bpsc server --id ID --raft HOST:PORT --join.\n" +
			"It joins as a non-voter, copies the ledger, and becomes a voter by itself once it has caught up.\n" +
			"A member whose address has changed is told to the others in the same way.",
		RunE: c.run(func(args []string) { c.change.ID, c.change.Raft = args[0], args[1] }),
	}
	c.flags(cmd)
	c.waitFlags(cmd)
	cmd.Flags().BoolVar(&c.change.NonVoter, "non-voter", false, "it stays a non-voter until it is promoted")
	return cmd
}

func newReplaceCommand(o *cli.Options) *cobra.Command {
	c := &changeOptions{Options: o, change: client.MemberChange{Kind: client.ReplaceMember}}
	cmd := &cobra.Command{
		Use: "replace ID [HOST:PORT]", Short: "Replace a member that has lost its disk", Args: oneOrTwoArgs,
		Example: `  bpsc cluster replace n2
  bpsc cluster replace n2 10.0.0.5:6000 --dry-run`,
		Long: "Replace a member that has lost its disk, or is to have another one, by one with an empty data\n" +
			"folder and the same id, at its address or at another. The new one may be started before or\n" +
			"after this command. It joins, copies the ledger, becomes a voter, and then the old one is\n" +
			"removed for ever: at no time is there less than a majority.",
		RunE: c.run(func(args []string) {
			c.change.ID = args[0]
			if len(args) > 1 {
				c.change.Raft = args[1]
			}
		}),
	}
	c.flags(cmd)
	c.waitFlags(cmd)
	c.instanceFlag(cmd)
	cli.CompleteArgs(cmd, 1, o.Asked(cli.MemberIDs))
	return cmd
}

func oneOrTwoArgs(cmd *cobra.Command, args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return cli.ArgError("%s takes one argument or two: %s", cmd.CommandPath(), cmd.UseLine())
	}
	return nil
}

func newChangeCommand(o *cli.Options, kind, use, short string) *cobra.Command {
	c := &changeOptions{Options: o, change: client.MemberChange{Kind: kind}}
	cmd := &cobra.Command{Use: use, Short: short, Args: cli.ExactArgs(1), Example: "  bpsc cluster " + strings.TrimSuffix(use, " ID") + " n2",
		RunE: c.run(func(args []string) { c.change.ID = args[0] })}
	c.flags(cmd)
	c.instanceFlag(cmd)
	cli.CompleteArgs(cmd, 1, o.Asked(cli.MemberIDs))
	return cmd
}

func newTransferCommand(o *cli.Options) *cobra.Command {
	c := &changeOptions{Options: o, change: client.MemberChange{Kind: client.TransferLeader}}
	cmd := &cobra.Command{
		Use: "transfer-leader [ID]", Short: "Have another voter lead, or the one named", Args: cli.AtMostOneArg,
		Example: `  bpsc cluster transfer-leader
  bpsc cluster transfer-leader n2`,
		RunE: c.run(func(args []string) { c.change.ID = strings.Join(args, "") }),
	}
	c.flags(cmd)
	cli.CompleteArgs(cmd, 1, o.Asked(cli.MemberIDs))
	return cmd
}

func (c *changeOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&c.change.DryRun, "dry-run", false, "say what would happen, and what majority there is before, during and after; change nothing")
	f.Uint64Var(&c.change.At, "at", 0, "make the change only if the configuration is that one (of cluster status)")
	f.StringVar(&c.secretFile, "operator-secret-file", "", "file with the operator's secret, where the servers ask for one ("+cli.SecretVariable+")")
	if c.change.Kind != client.TransferLeader {
		f.BoolVar(&c.change.TwoVoters, "two-voters", false, "two voters may be the result: when either of them fails nothing is written any more")
	}
}

func (c *changeOptions) waitFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&c.noWait, "no-wait", false, "do not wait until the member is a voter; it becomes one all the same")
	f.DurationVar(&c.within, "timeout", voterTimeout, "give up waiting after this long")
}

func (c *changeOptions) instanceFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.change.Instance, "instance", "", "only this instance of the member (of cluster status -o json)")
}

// run makes a command's RunE.
func (c *changeOptions) run(take func(args []string)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		take(args)
		if c.change.ID != "" {
			if err := identity.Valid(c.change.ID); err != nil {
				return cli.ArgError("%w", err)
			}
		}
		servers, err := c.Client()
		if err != nil {
			return err
		}
		if err := c.Operator(servers, c.secretFile); err != nil {
			return err
		}
		if c.within == 0 {
			c.within = c.Timeout
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), c.within)
		defer cancel()
		changed, err := c.make(ctx, servers, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		return c.printChanged(cmd.OutOrStdout(), changed)
	}
}

// printChanged says what was done, or would be.
func (c *changeOptions) printChanged(out io.Writer, changed client.MembersChanged) error {
	var rows []table.Row
	for _, s := range changed.Steps {
		rows = append(rows, table.Row{s.What, voterNames(s.Voters), s.Quorum, s.Reachable, s.CanLose})
	}
	if len(rows) > 0 || !c.ForPeople() {
		header := table.Row{"step", "voters", "majority", "reachable", "may fail"}
		if err := c.Print(out, changed, header, rows...); err != nil || !c.ForPeople() {
			return err
		}
	}
	text := fmt.Sprintf("The configuration is that of entry %d.\n", changed.Index)
	if c.change.DryRun {
		text = "Nothing has been changed.\n"
	}
	_, err := io.WriteString(out, text)
	return err
}

// instanceShown is how many digits of an instance people are shown.
const instanceShown = 8

// voterNames are identities for people: ids, with the beginning of the instance
// where two have one id.
func voterNames(voters []string) string {
	count := map[string]int{}
	for _, v := range voters {
		count[identity.Identity(v).ID()]++
	}
	names := make([]string, len(voters))
	for i, v := range voters {
		who := identity.Identity(v)
		names[i] = who.ID()
		if instance := who.Instance(); instance != "" && count[who.ID()] > 1 {
			names[i] += "~" + instance[:min(len(instance), instanceShown)]
		}
	}
	return strings.Join(names, " ")
}
