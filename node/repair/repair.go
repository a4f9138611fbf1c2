// Package repair is what is done to a data folder on which no node runs: what is
// damaged is found and mended ([PlanRebuild]), a member goes on without a majority that
// is lost ([Recover]), or is made of a backup ([Restore]). What is moved away is kept,
// and an error leaves what there was.
package repair

import (
	"fmt"

	"github.com/bpsc/bpsc/node/folder"
)

// usage says that what was asked for is at fault.
func usage(err error) error { return fmt.Errorf("%w: %w", folder.ErrUsage, err) }
