package settings

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

// told is what a table of each kind of row fills.
type told struct {
	name   string
	every  time.Duration
	count  int
	strict bool
	hosts  []string
	pins   []string
}

func (c *told) table() Table {
	return Table{
		New("name", &c.name, "who it is").Live(),
		New("every", &c.every, "how often (default: never)"),
		New("max-count", &c.count, ""),
		New("strict", &c.strict, ""),
		New("allow-host", &c.hosts, "").Live(),
		New("pin", Each(&c.pins, " ", nil), ""),
	}
}

func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bpsc.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func load(t *testing.T, c *told, args ...string) (*Loaded, error) {
	t.Helper()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	table := c.table()
	table.Flags(flags)
	require.NoError(t, flags.Parse(args))
	return table.Load(flags)
}

func TestEveryValueSaysWhereItComesFrom(t *testing.T) {
	path := written(t, "# settings\nname: ada\nmax-count: 3\nallow-host: [a, b]\nstrict: true\n")
	t.Setenv("BPSC_MAX_COUNT", "4")
	t.Setenv("BPSC_PIN", "x=1 y=2")
	c := &told{hosts: []string{"default"}}
	l, err := load(t, c, "--config", path, "--strict=false")
	require.NoError(t, err)
	type origin struct{ name, text, origin, where string }
	var got []origin
	for _, v := range l.Values {
		got = append(got, origin{v.Name, v.Text, v.Origin, v.Where})
	}
	require.Equal(t, []origin{
		{"name", "ada", File, "bpsc.yaml:2"},
		{"every", "0s", Default, ""},
		{"max-count", "4", Variable, "BPSC_MAX_COUNT"},
		{"strict", "false", Flag, ""},
		{"allow-host", "a,b", File, "bpsc.yaml:4"},
		{"pin", "x=1 y=2", Variable, "BPSC_PIN"},
	}, got)
	require.Equal(t, "never", l.Values[1].Unset)
	require.Equal(t, told{name: "ada", count: 4, hosts: []string{"a", "b"}, pins: []string{"x=1", "y=2"}}, *c)
}

func TestAllThatIsWrongWithAFileIsSaidAtOnce(t *testing.T) {
	path := written(t, "pni: ada\nevery: soon\nlog: {level: debug}\nmaxcount: 3\nconfig: other.yaml\nhelp: true\nstrict: 7\n")
	_, err := load(t, &told{}, "--config", path)
	require.ErrorIs(t, err, cli.ErrUsage)
	for _, line := range []string{
		path + `:1: unknown setting "pni"; did you mean "pin"?`,
		path + `:2: every: "soon" is not a duration, such as 150ms`,
		path + `:3: unknown setting "log.level"`,
		path + `:4: unknown setting "maxcount"; did you mean "max-count"?`,
		path + `:5: unknown setting "config"`,
		path + `:6: unknown setting "help"`,
		path + `:7: strict: 7 is neither true nor false`,
	} {
		require.ErrorContains(t, err, line)
	}
}

func TestWhatIsNoFileOfSettings(t *testing.T) {
	for text, says := range map[string]string{
		"- name\n":                               "line 1: this is no setting",
		"name\n":                                 "line 1: this is no setting",
		"name: a\nname: b\n":                     `line 2: "name" stands in line 1, too`,
		"name: a\n---\nname: b\n":                "more than one document",
		"name: [\n":                              "line",
		"name: \"a\n":                            "line",
		"name: *nobody\n":                        "nobody",
		strings.Repeat("# a\n", maxFile/4) + "#": "over 1048576 bytes",
	} {
		_, err := load(t, &told{}, "--config", written(t, text))
		require.ErrorIs(t, err, cli.ErrUsage)
		require.ErrorContains(t, err, says)
	}
	for _, text := range []string{"", "# nothing\n", "---\n", "null\n"} {
		_, err := load(t, &told{}, "--config", written(t, text))
		require.NoError(t, err, "%q", text)
	}
}

func TestTheFileIsGivenOnce(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	(&told{}).table().Flags(flags)
	require.ErrorContains(t, flags.Parse([]string{"--config", "a", "--config", "b"}), "it is given twice")
}

func TestAMisspeltVariableIsAWarning(t *testing.T) {
	for name, value := range map[string]string{
		"BPSC_MAXCOUNT": "3", "BPSC_ALOW_HOST": "a", // near misses
		"BPSC_SERVER": "http://a", "BPSC_PORT": "tcp://10.0.0.1:5000", "BPSC_SERVICE_HOST": "10.0.0.1", // others'
		"BPSC_STRICT": "true", // a setting
	} {
		t.Setenv(name, value)
	}
	l, err := load(t, &told{})
	require.NoError(t, err)
	require.Equal(t, []string{
		"BPSC_ALOW_HOST is no setting; is BPSC_ALLOW_HOST meant?",
		"BPSC_MAXCOUNT is no setting; is BPSC_MAX_COUNT meant?",
	}, l.Warnings)
}

func TestAnErrorIsBlamedOnItsLine(t *testing.T) {
	path := written(t, "name: ada\nmax-count: 3\n")
	t.Setenv("BPSC_EVERY", "1s")
	l, err := load(t, &told{}, "--config", path, "--strict")
	require.NoError(t, err)
	for text, want := range map[string]string{
		"--max-count 3 is too many":         path + ":2: --max-count 3 is too many",
		"--every is too often":              "BPSC_EVERY: --every is too often",
		"--strict needs --name":             path + ":1: --strict needs --name",
		"--pin is required":                 path + ": --pin is required",
		"something is wrong with the world": path + ": something is wrong with the world",
	} {
		require.EqualError(t, l.Blame(errors.New(text)), want)
	}
}

func TestEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		n    int
	}{{"", "", 0}, {"a", "", 1}, {"", "abc", 3}, {"xy", "yx", 1}, {"name", "names", 1}, {"kitten", "sitting", 3}, {"listn", "listen", 1}, {"heartbeet", "heartbeat", 1}} {
		require.Equal(t, c.n, edits(c.a, c.b), "%s, %s", c.a, c.b)
		require.Equal(t, c.n, edits(c.b, c.a), "%s, %s", c.b, c.a)
	}
}
