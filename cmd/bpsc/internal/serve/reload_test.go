package serve

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/settings"
	"github.com/bpsc/bpsc/internal/supervisor"
)

// reloaded is a process whose node keeps what it was told.
type reloaded struct {
	*process
	log      bytes.Buffer
	name     string // that the node has
	refuses  error
	language []string
}

// startReloaded starts one with a live setting "name" and another "place", a file "words".
func startReloaded(t *testing.T, args ...string) *reloaded {
	r := &reloaded{}
	anew := func() *configuration {
		logs, told := &logConfig{}, struct{ name, place, words string }{name: "nobody"}
		table := append(logSettings(logs),
			settings.New("name", &told.name, "").Live(),
			settings.New("place", &told.place, ""),
			settings.New("words", settings.Parsed(&told.words, func(path string) (string, error) {
				text, err := os.ReadFile(path)
				return string(text), err
			}), "").Live())
		return &configuration{table: table, logs: logs,
			check: func() error {
				if told.name == "bad" {
					return errors.New("--name is bad")
				}
				return nil
			},
			reload: func(running) error {
				if r.refuses == nil {
					r.name, r.language = told.name, append(r.language, told.words)
				}
				return r.refuses
			}}
	}
	c := anew()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.table.Flags(flags)
	require.NoError(t, flags.Parse(args))
	loaded, err := c.table.Load(flags)
	require.NoError(t, err)
	require.NoError(t, c.read())
	r.process = &process{given: flags, loaded: loaded, anew: anew}
	c.logs.set(&r.level)
	r.process.log = c.logs.logger(&r.log, &r.level)
	r.above = supervisor.New(r.process.log)
	require.NoError(t, c.reload(nil))
	return r
}

// hup reloads, and returns what the log says.
func (r *reloaded) hup() string {
	r.log.Reset()
	r.reload(nil)
	return r.log.String()
}

func rewrite(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestReloadTakesWhatIsLive(t *testing.T) {
	words := writeConfig(t, "one")
	path := writeConfig(t, "name: ada\nplace: here\nwords: "+words+"\n")
	r := startReloaded(t, "--config", path, "--log-format", "json")
	require.Equal(t, "ada", r.name)
	require.Contains(t, r.hup(), `"changed":null`)

	rewrite(t, path, "name: eve\nplace: there\nlog-level: debug\nwords: "+words+"\n")
	rewrite(t, words, "two")
	said := r.hup()
	require.Equal(t, "eve", r.name)
	require.Equal(t, "two", r.language[len(r.language)-1], "a file counts anew, though its name is the same")
	require.Contains(t, said, `"changed":["log-level","name"]`)
	require.Contains(t, said, `"settings":["place"]`)
	require.True(t, r.process.log.Enabled(context.Background(), slog.LevelDebug))

	require.Contains(t, r.hup(), `"settings":["place"]`, "it is said again until the next start")
	rewrite(t, path, "place: here\nwords: "+words+"\n")
	said = r.hup()
	require.Equal(t, "nobody", r.name, "what is in the file no more has its default again")
	require.NotContains(t, said, "place")
	require.False(t, r.process.log.Enabled(context.Background(), slog.LevelDebug))
}

// What the command line says counts after a reload as before, and so does a variable.
func TestReloadKeepsTheOrderOfStrength(t *testing.T) {
	path := writeConfig(t, "name: file\nlog-level: error\n")
	t.Setenv("BPSC_LOG_LEVEL", "warn")
	r := startReloaded(t, "--config", path, "--name", "flag")
	rewrite(t, path, "name: other\nlog-level: debug\n")
	r.hup()
	require.Equal(t, "flag", r.name)
	require.False(t, r.process.log.Enabled(context.Background(), slog.LevelInfo))
}

// Of what is not right nothing is taken.
func TestReloadOfWhatIsBrokenChangesNothing(t *testing.T) {
	good := "name: ada\n"
	path := writeConfig(t, good)
	r := startReloaded(t, "--config", path)
	for text, says := range map[string]string{
		"name: [\n":                           "line",
		"nam: eve\nlog-level: debug\n":        `unknown setting \"nam\"; did you mean \"name\"?`,
		"name: eve\nlog-level: loud\n":        "--log-level must be",
		"name: bad\nlog-level: debug\n":       "--name is bad",
		"name: eve\nwords: /does/not/exist\n": "/does/not/exist",
	} {
		rewrite(t, path, text)
		said := r.hup()
		require.Contains(t, said, "all stays as it is", text)
		require.Contains(t, said, says)
		require.Equal(t, "ada", r.name, text)
		require.False(t, r.process.log.Enabled(context.Background(), slog.LevelDebug), text)
	}
	rewrite(t, path, "name: eve\nlog-level: debug\n")
	r.refuses = errors.New("the node does not want it")
	require.Contains(t, r.hup(), "the node does not want it")
	require.False(t, r.process.log.Enabled(context.Background(), slog.LevelDebug))
	r.refuses = nil
	r.hup()
	require.Equal(t, "eve", r.name)
	require.NoError(t, os.Remove(path))
	require.Contains(t, r.hup(), "all stays as it is")
	require.Equal(t, "eve", r.name)
}
