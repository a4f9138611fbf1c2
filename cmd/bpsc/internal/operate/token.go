package operate

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

func newTokenCommand(o *cli.Options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "token", Short: "Make, list and revoke access tokens",
		Long: "A token says who asks, and what for: its roles are read, submit and operate, which includes the\n" +
			"others. These commands need one with the role operate in --token-file, or the operator's secret.",
	}
	cmd.AddCommand(newTokenCreateCommand(o), newTokenListCommand(o), newTokenRevokeCommand(o))
	return cmd
}

func newTokenCreateCommand(o *cli.Options) *cobra.Command {
	var made client.NewToken
	var expires, file string
	cmd := &cobra.Command{
		Use: "create", Short: "Make a token, which is shown once", Args: cobra.NoArgs,
		Long: "Make a token and print it, or write it to --file, which nobody else can read. The cluster keeps\n" +
			"no more than its hash. A token makes none that may do more than itself, and ends with the one\n" +
			"that made it.",
		Example: "  bpsc token create --name ci --role submit,read --expires 720h --file ci.token",
	}
	f := cmd.Flags()
	f.StringVar(&made.Name, "name", "", "for people: who has it")
	f.StringSliceVar(&made.Roles, "role", nil, "read, submit, operate; may be repeated")
	f.StringVar(&expires, "expires", "", "when it ends, as a duration from now or a time (RFC 3339) (default: never)")
	f.StringVar(&file, "file", "", "new file for the token (default: standard output)")
	o.OperatorCall(cmd, func(ctx context.Context, cmd *cobra.Command, c *client.Client, _ []string) (err error) {
		if made.Contract = o.Contract; made.Name == "" || len(made.Roles) == 0 {
			return cli.ArgError("--name and --role are required")
		}
		if made.Expires, err = expiry(expires, time.Now()); err != nil {
			return err
		}
		return makeToken(ctx, o, cmd, c, made, file)
	})
	return cmd
}

// makeToken opens the file first: a token that cannot be written down is not to be made.
func makeToken(ctx context.Context, o *cli.Options, cmd *cobra.Command, c *client.Client, asked client.NewToken, path string) error {
	out, text := cmd.OutOrStdout(), func(t client.Token) string { return t.Text + "\n" }
	var file *os.File
	if path != "" {
		var err error
		if file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return cli.ArgError("--file: %w", err)
		}
		defer file.Close()
	}
	made, err := c.MakeToken(ctx, asked)
	if err != nil {
		if file != nil {
			_ = os.Remove(path) // it is empty
		}
		return err
	}
	if file == nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "token %s, %s: keep it secret; it is not shown again\n", made.ID, strings.Join(made.Roles, ","))
		return o.Say(out, made, text(made))
	}
	if _, err = file.WriteString(text(made)); err == nil {
		err = file.Sync()
	}
	if err != nil {
		return fmt.Errorf("the token %s was made and not written down, so revoke it: %w", made.ID, err)
	}
	made.Text = ""
	return o.Say(out, made, fmt.Sprintf("token %s, %s, is in %s\n", made.ID, strings.Join(made.Roles, ","), path))
}

// expiry reads a duration from now, or a time.
func expiry(text string, now time.Time) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(d).Unix(), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || !at.After(now) {
		return 0, cli.ArgError("--expires %s is neither a duration, such as 720h, nor a time to come, such as 2027-01-31T00:00:00Z", text)
	}
	return at.Unix(), nil
}

func newTokenListCommand(o *cli.Options) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "Show all tokens, without what is secret", Args: cobra.NoArgs,
		Example: `  bpsc token list
  bpsc token list -o csv`,
		Long: "Show all tokens. Those that were revoked or have expired are shown for a month."}
	o.OperatorCall(cmd, func(ctx context.Context, cmd *cobra.Command, c *client.Client, _ []string) error {
		tokens, err := c.Tokens(ctx)
		if err != nil {
			return err
		}
		now := time.Now().Unix()
		var rows []table.Row
		for _, t := range tokens {
			rows = append(rows, table.Row{t.ID, t.Name, strings.Join(t.Roles, ","), t.Contract, day(t.Made), day(t.Expires), t.Parent, standing(t, now)})
		}
		return o.Print(cmd.OutOrStdout(), tokens, table.Row{"id", "name", "roles", "contract", "made", "expires", "parent", "state"}, rows...)
	})
	return cmd
}

func standing(t client.Token, now int64) string {
	switch {
	case t.Revoked > 0:
		return "revoked " + day(t.Revoked)
	case t.Expires > 0 && t.Expires <= now:
		return "expired"
	}
	return ""
}

// day is a time in a table.
func day(seconds int64) string {
	if seconds == 0 {
		return ""
	}
	return time.Unix(seconds, 0).UTC().Format("2006-01-02 15:04")
}

// tokenIDs are those of the tokens that count, where an operator asks.
func tokenIDs(ctx context.Context, o *cli.Options, c *client.Client) (ids []string, err error) {
	if err := o.Operator(c, ""); err != nil {
		return nil, err
	}
	all, err := c.Tokens(ctx)
	now := time.Now().Unix()
	for _, t := range all {
		if standing(t, now) == "" {
			ids = append(ids, t.ID)
		}
	}
	return ids, err
}

func newTokenRevokeCommand(o *cli.Options) *cobra.Command {
	cmd := &cobra.Command{Use: "revoke ID", Short: "End a token, with all that come from it", Args: cli.ExactArgs(1), Example: `  bpsc token revoke 2558f9034d85`}
	cli.CompleteArgs(cmd, 1, o.Asked(tokenIDs))
	o.OperatorCall(cmd, func(ctx context.Context, cmd *cobra.Command, c *client.Client, args []string) error {
		if err := c.RevokeToken(ctx, args[0]); err != nil {
			return err
		}
		return o.Say(cmd.OutOrStdout(), struct {
			ID string `json:"id"`
		}{args[0]}, "The token "+args[0]+" is revoked, with all that it has made.\n")
	})
	return cmd
}
