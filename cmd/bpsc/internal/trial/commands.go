// Package trial has the commands by which people try the ledger out on their own machine:
// with what they start it ends.
package trial

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/local"
)

// Commands are the commands of this room.
func Commands() []*cobra.Command {
	return []*cobra.Command{local.Owner(newDevCommand()), local.Owner(newTutorialCommand())}
}

// ended is how a trial ends of which somebody has had enough: well, unless something of it
// is left.
func ended(ctx context.Context, err error) error {
	enough := ctx.Err() != nil || errors.Is(err, errEnough)
	if enough && !errors.Is(err, local.ErrLeft) {
		return nil
	}
	return err
}
