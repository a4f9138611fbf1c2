package operate

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/node"
)

// rebuildOptions are the flags of cluster rebuild, which replaces the member where it
// has to.
type rebuildOptions struct {
	changeOptions
	data, id string
	anew     bool
}

// rebuilt is what cluster rebuild found and did.
type rebuilt struct {
	node.Rebuild
	Replaced *client.MembersChanged `json:"replaced,omitempty"` // or would be, with --dry-run
}

func newRebuildCommand(o *cli.Options) *cobra.Command {
	r := &rebuildOptions{changeOptions: changeOptions{Options: o, change: client.MemberChange{Kind: client.ReplaceMember}}}
	cmd := &cobra.Command{
		Use: "rebuild --data DIR", Short: "Rebuild a member whose data folder is damaged", Args: cli.ExactArgs(0),
		Example: `  bpsc cluster rebuild --data /var/lib/bpsc --server http://10.0.0.2:5000 --dry-run`,
		Long: "Rebuild a member whose data folder is damaged. Run it on the member's machine while the member\n" +
			"is stopped. It reads all of the folder and decides by what is damaged:\n" +
			"  the state alone        is moved aside; the next start builds it anew from the member's own\n" +
			"                         snapshots and log, and the member stays who it is\n" +
			"  log, votes, identity   all is moved aside, and the member is replaced by one with an empty\n" +
			"                         folder, as cluster replace does: --server has to name another member.\n" +
			"                         Start the member while this command waits\n" +
			"What is moved aside stays in DIR, under aside-TIME. Nothing is deleted.",
		RunE: func(cmd *cobra.Command, _ []string) error { return r.rebuild(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&r.data, "data", "", "data folder of the member (required)")
	f.StringVar(&r.id, "id", "", "name of the member, where the folder does not tell it any more")
	f.BoolVar(&r.anew, "anew", false, "replace the member whatever is damaged")
	r.flags(cmd)
	r.waitFlags(cmd)
	return cmd
}

func (r *rebuildOptions) rebuild(cmd *cobra.Command) error {
	if r.data == "" {
		return cli.ArgError("--data is required")
	}
	plan, err := node.PlanRebuild(cmd.Context(), r.data)
	if err != nil {
		if advice, system := durable.Advice(err); system {
			err = fmt.Errorf("%w\n\nWhat to do: %s", err, advice)
		}
		return err
	}
	if r.anew {
		plan.Anew()
	}
	for _, damage := range plan.Damaged {
		what, _, _ := strings.Cut(damage, "\n") // Pebble's errors go on for lines
		if _, err := fmt.Fprintln(cmd.ErrOrStderr(), "damaged:", cli.Printable(what)); err != nil {
			return err
		}
	}
	done := rebuilt{Rebuild: plan}
	if plan.Way == node.RebuildReplace {
		return r.replace(cmd, done)
	}
	if !r.change.DryRun {
		if err := done.Move(time.Now()); err != nil {
			return err
		}
	}
	return r.Say(cmd.OutOrStdout(), done, done.text(r.change.DryRun))
}

// text says what was done with a folder that the member goes on with.
func (d rebuilt) text(dryRun bool) string {
	switch {
	case d.Way == node.RebuildNothing:
		return "Nothing is damaged.\n"
	case dryRun:
		return "The state is damaged, and would be built anew. Nothing has been changed.\n"
	}
	return fmt.Sprintf("What was damaged is in %s. Start the member again: it builds its state anew from its\nsnapshots and its log.\n", d.To)
}

// replace asks the cluster first whether it lets the member be replaced, moves its
// folder aside, and replaces it.
func (r *rebuildOptions) replace(cmd *cobra.Command, done rebuilt) error {
	r.change.ID = cmp.Or(r.id, done.Member)
	if err := identity.Valid(r.change.ID); err != nil {
		return cli.ArgError("--id has to say which member this is: %w", err)
	}
	servers, err := r.Client()
	if err != nil {
		return err
	}
	if err := r.Operator(servers, r.secretFile); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), cmp.Or(r.within, r.Timeout))
	defer cancel()
	dryRun := r.change.DryRun
	r.change.DryRun = true
	changed, err := r.make(ctx, servers, cmd.ErrOrStderr())
	if err != nil {
		return fmt.Errorf("%w\n\nWhat to do: log, votes or identity are damaged, so that %s has to be replaced; nothing has been\n"+
			"changed yet. Name another member: --server URL", err, r.change.ID)
	}
	if !dryRun {
		if changed, err = r.goOn(ctx, servers, cmd.ErrOrStderr(), &done); err != nil {
			return err
		}
	}
	r.change.DryRun = dryRun
	done.Replaced = &changed
	if !r.ForPeople() {
		return r.Say(cmd.OutOrStdout(), done, "")
	}
	return r.printChanged(cmd.OutOrStdout(), changed)
}

func (r *rebuildOptions) goOn(ctx context.Context, servers *client.Client, people io.Writer, done *rebuilt) (changed client.MembersChanged, err error) {
	if err := done.Move(time.Now()); err != nil {
		return changed, err
	}
	if _, err := fmt.Fprintf(people, "all of the folder is in %s now; start the member\n", done.To); err != nil {
		return changed, err
	}
	r.change.DryRun = false
	if changed, err = r.make(ctx, servers, people); err != nil {
		err = fmt.Errorf("%w\n\nWhat to do: the folder has been moved aside to %s; go on with: bpsc cluster replace %s", err, done.To, r.change.ID)
	}
	return changed, err
}
