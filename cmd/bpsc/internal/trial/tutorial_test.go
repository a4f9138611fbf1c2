package trial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/local"
)

// Ctrl-D at the prompt is as good as Ctrl-C: nothing has gone wrong.
func TestATutorialEndsWhereNothingIsTypedAnyMore(t *testing.T) {
	var out bytes.Buffer
	tour := &tour{out: &out, enter: linesOf(strings.NewReader("\n"))}
	require.NoError(t, tour.wait(t.Context()))
	err := tour.wait(t.Context())
	require.ErrorIs(t, err, errEnough)
	require.True(t, strings.HasSuffix(out.String(), " \n"), "the prompt is not left on the line of the shell's")
	require.NoError(t, ended(t.Context(), err))
}

// What somebody has ended ends well, unless something of it is left: that is said.
func TestWhatIsLeftIsSaidHoweverATrialEnds(t *testing.T) {
	left := fmt.Errorf("%w: a folder", local.ErrLeft)
	broken := errors.New("broken")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, ended(over, over.Err()))
	require.ErrorIs(t, ended(over, errors.Join(over.Err(), left)), local.ErrLeft)
	require.ErrorIs(t, ended(t.Context(), errors.Join(errEnough, left)), local.ErrLeft)
	require.ErrorIs(t, ended(t.Context(), broken), broken)
	require.NoError(t, ended(t.Context(), nil))
}

// Whom nobody hears runs nothing more.
func TestATutorialThatNobodyReadsEnds(t *testing.T) {
	r, w := io.Pipe()
	require.NoError(t, r.Close())
	tour := &tour{out: w}
	require.ErrorIs(t, tour.run(t.Context(), 0, "version"), io.ErrClosedPipe)
}
