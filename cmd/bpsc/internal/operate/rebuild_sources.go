package operate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/node/repair"
)

// seek decides whom to ask: the servers that were named, and the others that the folder
// knows. What the folder knows stands in the place of a default.
func (r *rebuildOptions) seek(cmd *cobra.Command, others []string) error {
	settings, err := r.Settings(cmd)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(settings, func(s cli.Setting) bool { return s.Name == "server" })
	switch origin := settings[i].Origin; {
	case len(others) == 0, origin == cli.FromContext: // a context's token is its servers' alone
	case origin == cli.FromDefault:
		r.Servers = others
	default:
		for _, o := range others {
			if !slices.Contains(r.Servers, o) {
				r.Servers = append(r.Servers, o)
			}
		}
	}
	return nil
}

// sources are the servers, each asked in turn until one has what is needed: what the first
// one has may be damaged, too.
func (r *rebuildOptions) sources(people io.Writer) (from repair.Sources, err error) {
	var each []*client.Client
	for _, server := range r.Servers {
		c, err := r.Reach("server", server)
		if err != nil {
			return from, err
		}
		if err := r.Operator(c, r.secretFile); err != nil {
			return from, err
		}
		c.Pause = r.Timeout
		each = append(each, c)
	}
	from.Block = func(ctx context.Context, token string, index uint64, take func(canonical []byte) error) error {
		return eachOf(each, func(c *client.Client) error {
			ctx, cancel := context.WithTimeout(ctx, r.Timeout)
			defer cancel()
			canonical, err := c.Block(ctx, token, index)
			if err == nil {
				err = take(canonical)
			}
			return err
		})
	}
	from.State = func(ctx context.Context, read func(archive io.Reader) error) error {
		return eachOf(each, func(c *client.Client) error {
			if _, err := fmt.Fprintf(people, "the state is copied from %s\n", c.Servers()[0]); err != nil {
				return err
			}
			return c.Backup(ctx, read)
		})
	}
	return from, nil
}

// eachOf asks one after another until one has it.
func eachOf(clients []*client.Client, ask func(c *client.Client) error) error {
	var failed error
	for _, c := range clients {
		err := ask(c)
		if err == nil {
			return nil
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w", c.Servers()[0], err))
	}
	return failed
}
