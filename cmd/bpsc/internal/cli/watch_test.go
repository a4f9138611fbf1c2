package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/bpsc/bpsc/client"
)

// watching runs a command with --watch whose rounds come to what says, and then ends.
func watching(t *testing.T, rounds ...any) (stdout, stderr string, err error) {
	t.Helper()
	return watchingAs(t, Table, rounds...)
}

func watchingAs(t *testing.T, form string, rounds ...any) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, people bytes.Buffer
	cmd := &cobra.Command{Use: "state", SilenceErrors: true, SilenceUsage: true}
	round := 0
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if round == len(rounds) {
			cancel()
			return ctx.Err()
		}
		was := rounds[round]
		round++
		if failed, is := was.(error); is {
			return failed
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), was)
		return err
	}
	(&Options{Output: form}).Watchable(cmd)
	cmd.SetOut(&out)
	cmd.SetErr(&people)
	cmd.SetArgs([]string{"--watch=100ms"})
	err = cmd.ExecuteContext(ctx)
	return out.String(), people.String(), err
}

func TestWatchPrintsWhatChanges(t *testing.T) {
	out, people, err := watching(t, "one", "one", "two")
	require.NoError(t, err, "to be interrupted is how it ends")
	require.Equal(t, "one\ntwo\n", out)
	require.Empty(t, people)
}

// Whoever reads a stream of YAML is told where a document ends.
func TestWatchPartsDocumentsOfYAML(t *testing.T) {
	gone := fmt.Errorf("%w: nobody", client.ErrUnavailable)
	out, _, err := watchingAs(t, YAML, "a: 1", "a: 1", "a: 2", gone, "a: 2")
	require.NoError(t, err)
	require.Equal(t, "a: 1\n---\na: 2\n---\na: 2\n", out)
	var values []int
	for d := yaml.NewDecoder(strings.NewReader(out)); ; {
		var v struct{ A int }
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		values = append(values, v.A)
	}
	require.Equal(t, []int{1, 2, 2}, values)
	out, _, err = watchingAs(t, JSON, "1", "2")
	require.NoError(t, err)
	require.Equal(t, "1\n2\n", out)
}

func TestWatchGoesOnWhileNobodyAnswers(t *testing.T) {
	gone := fmt.Errorf("%w: nobody", client.ErrUnavailable)
	out, people, err := watching(t, "one", gone, gone, "one")
	require.NoError(t, err)
	require.Equal(t, "one\none\n", out, "it is told that it is as it was")
	require.Regexp(t, `^\nas of \d+s ago: .*nobody\n$`, people, "and that nobody answered, once")
}

func TestWatchEndsWithWhatDoesNotPass(t *testing.T) {
	gone := fmt.Errorf("%w: nobody", client.ErrUnavailable)
	_, _, err := watching(t, gone, "one")
	require.ErrorIs(t, err, client.ErrUnavailable, "nobody has ever answered")
	_, _, err = watching(t, "one", ErrRejected, "two")
	require.ErrorIs(t, err, ErrRejected)
}
