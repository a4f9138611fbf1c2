package witness

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/bpsc/bpsc/chain/proof"
)

// Seen asks a witness how many blocks it has seen of the chain that a signed
// checkpoint is of; 0 for none. It claims that the witness has exactly that
// checkpoint, so that the answer is the size that it has, and nothing new is cosigned.
// A witness that does not take the signatures does not tell.
func (c *Client) Seen(ctx context.Context, w proof.Cosigner, note []byte) (size uint64, err error) {
	checkpoint, err := proof.ReadCheckpoint(note)
	if err == nil {
		_, err = c.add(ctx, w.URL, w.Key, checkpoint.Size, nil, note)
	}
	var stale *staleError
	var refused *refusedError
	switch {
	case errors.As(err, &stale):
		return stale.size, nil
	case errors.As(err, &refused) && refused.status == http.StatusUnprocessableEntity: // as many blocks, and other ones
		return checkpoint.Size, nil
	case err != nil:
		return 0, fmt.Errorf("witness %s: %w", w.Name, err)
	}
	return checkpoint.Size, nil
}
