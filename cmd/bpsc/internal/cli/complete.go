package cli

import (
	"context"
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/client"
)

// completeWithin is how long a shell waits for words that a server knows: somebody has
// pressed TAB and looks at the screen.
const completeWithin = time.Second

// Words asks a server for what may stand on the command line.
type Words func(ctx context.Context, o *Options, c *client.Client) ([]string, error)

// Complete has shells complete the value of a flag, which cmd has, with one of the words.
func Complete(cmd *cobra.Command, flag string, words ...string) {
	register(cmd, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// CompleteFunc has shells complete the value of a flag with what words finds. What cannot
// be found is not completed: a shell has no place for errors.
func CompleteFunc(cmd *cobra.Command, flag string, words func(cmd *cobra.Command) []string) {
	register(cmd, flag, func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return words(cmd), cobra.ShellCompDirectiveNoFileComp
	})
}

// CompleteArgs has shells complete the first so many arguments of cmd.
func CompleteArgs(cmd *cobra.Command, count int, words func(cmd *cobra.Command) []string) {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= count {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return words(cmd), cobra.ShellCompDirectiveNoFileComp
	}
}

// CompleteFrom has shells complete a flag with what a server knows.
func (o *Options) CompleteFrom(cmd *cobra.Command, flag string, words Words) {
	CompleteFunc(cmd, flag, o.Asked(words))
}

// Asked are the words that the command's servers know.
func (o *Options) Asked(words Words) func(cmd *cobra.Command) []string {
	return func(cmd *cobra.Command) []string {
		if o.Choose(cmd) != nil {
			return nil
		}
		c, err := o.Client()
		if err != nil {
			return nil
		}
		parent := cmd.Context()
		if parent == nil { // cobra completes without one
			parent = context.Background()
		}
		ctx, cancel := context.WithTimeout(parent, completeWithin)
		defer cancel()
		found, err := words(ctx, o, c)
		if err != nil {
			return nil
		}
		return found
	}
}

func register(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err)
	}
}

// Tokens are those of the contracts.
func Tokens(ctx context.Context, _ *Options, c *client.Client) (names []string, err error) {
	answer, err := c.Get(ctx, "/v1/contracts")
	if err != nil {
		return nil, err
	}
	var list struct{ Items []struct{ Token string } }
	err = json.Unmarshal(answer, &list)
	for _, item := range list.Items {
		names = append(names, item.Token)
	}
	return names, err
}

// newestBlocks is how many blocks are looked through for ids: those that somebody
// completes are of a moment ago.
const newestBlocks = 20

// RecordIDs are those of the newest records, the newest first.
func RecordIDs(ctx context.Context, o *Options, c *client.Client) (ids []string, err error) {
	info, err := c.Contract(ctx, o.Contract)
	if err != nil {
		return nil, err
	}
	from := max(info.Length, newestBlocks) - newestBlocks + 1
	err = c.Blocks(ctx, info.Contract.Token, from, newestBlocks, func(canonical []byte) error {
		var block struct {
			Transactions []struct{ ID string }
		}
		if err := json.Unmarshal(canonical, &block); err != nil {
			return err
		}
		for _, record := range block.Transactions {
			ids = append([]string{record.ID}, ids...)
		}
		return nil
	})
	return ids, err
}

// MemberIDs are those of the cluster's members.
func MemberIDs(ctx context.Context, _ *Options, c *client.Client) (ids []string, err error) {
	cluster, err := c.Cluster(ctx)
	for _, m := range cluster.Members {
		ids = append(ids, m.ID)
	}
	return ids, err
}

// ContextNames are those of the user's contexts.
func ContextNames(*cobra.Command) []string {
	all, err := ReadContexts()
	if err != nil {
		return nil
	}
	return all.Names()
}

func completeContexts(cmd *cobra.Command, flag string) { CompleteFunc(cmd, flag, ContextNames) }

// Files has shells complete flags of cmd with files that end so; with any where nothing
// is said.
func Files(cmd *cobra.Command, flag string, endings ...string) {
	mark := cmd.MarkFlagFilename
	if cmd.PersistentFlags().Lookup(flag) != nil {
		mark = cmd.MarkPersistentFlagFilename
	}
	if err := mark(flag, endings...); err != nil {
		panic(err)
	}
}

// Dirs has shells complete a flag of cmd with folders.
func Dirs(cmd *cobra.Command, flag string) {
	mark := cmd.MarkFlagDirname
	if cmd.PersistentFlags().Lookup(flag) != nil {
		mark = cmd.MarkPersistentFlagDirname
	}
	if err := mark(flag); err != nil {
		panic(err)
	}
}
