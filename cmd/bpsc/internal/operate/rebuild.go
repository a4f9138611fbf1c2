package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/node/repair"
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
	repair.Rebuild
	Replaced *client.MembersChanged `json:"replaced,omitempty"` // or would be, with --dry-run
}

func newRebuildCommand(o *cli.Options) *cobra.Command {
	r := &rebuildOptions{changeOptions: changeOptions{Options: o, change: client.MemberChange{Kind: client.ReplaceMember}}}
	cmd := &cobra.Command{
		Use: "rebuild --data DIR", Short: "Rebuild a node whose data folder is damaged", Args: cli.ExactArgs(0),
		Example: `  bpsc cluster rebuild --data /var/lib/bpsc --dry-run`,
		Long: "Rebuild a member or a follower whose data folder is damaged. Run it on the node's machine while\n" +
			"the node is stopped. It reads all of the folder and decides by what is damaged:\n" +
			"  the state               is moved aside; the next start builds it anew from the member's own\n" +
			"                          snapshots and log, a follower's from its upstreams\n" +
			"  the same, and no        blocks are fetched from members or followers, verified against the\n" +
			"  snapshot is sound       chain here, and written anew; where more is damaged, the state is\n" +
			"                          copied from another member and verified\n" +
			"  log, votes, identity    all is moved aside, and the member is replaced by one with an empty\n" +
			"                          folder, as cluster replace does. Start it while this command waits\n" +
			"But for the last the member stays who it is, so two that are damaged at one time can be\n" +
			"rebuilt one after the other. The others are those that the folder knows, and --server.\n" +
			"What is moved aside stays in DIR, under aside-TIME. Nothing is deleted.",
		RunE: func(cmd *cobra.Command, _ []string) error { return r.rebuild(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&r.data, "data", "", "data folder of the member (required)")
	f.StringVar(&r.id, "id", "", "name of the member, where the folder does not tell it any more")
	f.BoolVar(&r.anew, "anew", false, "replace the member whatever is damaged; of a follower: give up what nobody else has, where that is damaged or missing")
	r.flags(cmd)
	r.waitFlags(cmd)
	return cmd
}

func (r *rebuildOptions) rebuild(cmd *cobra.Command) error {
	if r.data == "" {
		return cli.ArgError("--data is required")
	}
	plan, err := repair.PlanRebuild(cmd.Context(), r.data)
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
	if err := r.seek(cmd, plan.Others); err != nil {
		return err
	}
	if plan.Way != repair.WayReplace && !r.change.DryRun {
		from, err := r.sources(cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		switch err := done.Run(cmd.Context(), time.Now(), from); {
		case errors.Is(err, repair.ErrNobodyHas): // a new member gets all of it
			if _, err := fmt.Fprintln(cmd.ErrOrStderr(), cli.Printable(err.Error())); err != nil {
				return err
			}
			done.Anew()
		case err != nil:
			return err
		}
	}
	if done.Way == repair.WayReplace {
		return r.replace(cmd, done)
	}
	return r.Say(cmd.OutOrStdout(), done, done.text(r.change.DryRun))
}

// text says what was done with a folder that its node goes on with, or would be.
func (d rebuilt) text(dryRun bool) string {
	if d.Way == repair.WayNothing {
		return "Nothing is damaged.\n"
	}
	if dryRun {
		would := map[repair.Way]string{
			repair.WayState:  "What is damaged would be moved aside, and built anew by the next start.",
			repair.WayBlocks: "The damaged blocks would be fetched from others, verified, and written anew.",
			repair.WayCopy:   "The state would be copied from another member, and verified.",
		}
		return would[d.Way] + " Nothing has been changed.\n"
	}
	did := map[repair.Way]string{
		repair.WayState:  "Start it again: what has made way is built anew.",
		repair.WayBlocks: "The damaged blocks are written anew. Start it again.",
		repair.WayCopy:   "The state of another member is in its place. Start it again.",
	}
	text := did[d.Way] + "\n"
	if d.Mended != nil {
		for _, b := range d.Mended.Blocks {
			text += fmt.Sprintf("mended: %s\n", b)
		}
		text += fmt.Sprintf("%d blocks were fetched, and have the hashes that the chain here says they have.\n", d.Mended.Fetched)
	}
	if d.To != "" {
		text += fmt.Sprintf("What was damaged is in %s.\n", d.To)
	}
	return text
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
	changed, err := r.foresee(ctx, servers)
	if err != nil {
		return fmt.Errorf("%w\n\nWhat to do: %s has to be replaced, and for that a majority has to run; nothing has been\n"+
			"changed yet. Mend and start the other members first; name one of them, where it is not found: --server URL", err, r.change.ID)
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

// foresee asks what the change would be; again where the others may only just have been started,
// and have to agree first on who they are.
func (r *rebuildOptions) foresee(ctx context.Context, servers *client.Client) (changed client.MembersChanged, err error) {
	for began := time.Now(); ; {
		changed, err = r.ask(ctx, servers, 0)
		settling := errors.Is(err, outcome.ChangeInProgress) || errors.Is(err, outcome.NoLeader)
		if !settling || time.Since(began) > startWait || !sleep(ctx, lookEvery) {
			return changed, err
		}
	}
}

func (r *rebuildOptions) goOn(ctx context.Context, servers *client.Client, people io.Writer, done *rebuilt) (changed client.MembersChanged, err error) {
	if err := done.Move(time.Now()); err != nil {
		return changed, err
	}
	where := "the folder is empty"
	if done.To != "" {
		where = "all of the folder is in " + done.To + " now"
	}
	if _, err := fmt.Fprintf(people, "%s; start the member\n", where); err != nil {
		return changed, err
	}
	r.change.DryRun = false
	if changed, err = r.make(ctx, servers, people); err != nil {
		err = fmt.Errorf("%w\n\nWhat to do: the folder has been moved aside to %s; go on with: bpsc cluster replace %s", err, done.To, r.change.ID)
	}
	return changed, err
}
