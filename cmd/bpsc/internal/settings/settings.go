// Package settings is what a command that serves can be told, as a table: each row
// is a flag, a key of a YAML file and a BPSC_… variable at once.
package settings

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/durable"
)

// Table is the table of what a command that serves can be told. Each row is a
// flag, a key of the YAML file and a BPSC_… variable; the flag wins, then the
// variable, then the file, then what the value was before.
type Table []Row

// Row is one setting.
type Row struct {
	name string
	// value is where the setting goes, and its default: a *string, *int, *bool,
	// *time.Duration, *[]string (split at commas), Repeated, Delayed, or what sets a flag.
	value any
	usage string

	live  bool
	words []string // that it may be; nil: it may be any
}

// New is a row. value is where the setting goes, as Row says.
func New(name string, value any, usage string) Row {
	return Row{name: name, value: value, usage: usage}
}

// Live is the row of a setting that counts at once when the configuration is reloaded.
// Others count from the next start on.
func (r Row) Live() Row {
	r.live = true
	return r
}

// OneOf is the row of a setting that is one of some words, by which shells complete it.
// To refuse others is the matter of whoever reads it.
func (r Row) OneOf(words ...string) Row {
	r.words = words
	return r
}

// variable is the name of the environment's variable.
func (r Row) variable() string {
	return cli.EnvPrefix + strings.ToUpper(strings.ReplaceAll(r.name, "-", "_"))
}

var defaultInUsage = regexp.MustCompile(`\(default: (.*)\)$`)

// unset says what counts where nothing is said, if that is not what the flag begins with.
func (r Row) unset() string {
	if in := defaultInUsage.FindStringSubmatch(r.usage); in != nil {
		return in[1]
	}
	return ""
}

// Repeated is a list whose flag takes one value each time, as it stands.
type Repeated struct {
	to        *[]string
	separator string       // in a variable, and in a text in the file
	read      func() error // as in Delayed; nil: to is where the setting goes
}

// Each is a list whose flag takes one value each time. read, which may be nil, reads
// something else from it.
func Each(to *[]string, separator string, read func() error) Repeated {
	return Repeated{to, separator, read}
}

// Presets is a duration that can be said by a word, too.
func Presets(to *time.Duration, words map[string]time.Duration) pflag.Value {
	return &presets{to, words}
}

type presets struct {
	to    *time.Duration
	words map[string]time.Duration
}

// Set implements pflag.Value.
func (p *presets) Set(text string) (err error) {
	if d, is := p.words[text]; is {
		*p.to = d
		return nil
	}
	*p.to, err = time.ParseDuration(text)
	return err
}

// String implements pflag.Value; pflag asks it of one without anything, too.
func (p *presets) String() string {
	if p.to == nil {
		return ""
	}
	return p.to.String()
}

// Type implements pflag.Value.
func (p *presets) Type() string { return "duration" }

// Delayed is a value from which something else is read, once it is known.
type Delayed struct {
	value any
	read  func() error
}

// Later is a value, a pointer as of a Row, from which read reads something else.
func Later(value any, read func() error) Delayed { return Delayed{value, read} }

// Parsed is a setting that parse reads from a text. "" leaves it as it is.
func Parsed[T any](to *T, parse func(text string) (T, error)) Delayed {
	text := new(string)
	return Delayed{text, func() (err error) {
		if *text != "" {
			*to, err = parse(*text)
		}
		return err
	}}
}

// Repeatedly is a setting that parse reads from a list.
func Repeatedly[T any](to *T, separator string, parse func(list []string) (T, error)) Repeated {
	list := new([]string)
	return Repeated{list, separator, func() (err error) {
		*to, err = parse(*list)
		return err
	}}
}

// configFlag names the file.
const configFlag = "config"

// AddTo adds the settings to a command as flags, and --config.
func (s Table) AddTo(cmd *cobra.Command) {
	s.Flags(cmd.Flags())
	for _, row := range s {
		if row.words != nil {
			cli.Complete(cmd, row.name, row.words...)
		}
	}
	if err := cmd.MarkFlagFilename(configFlag, "yaml", "yml"); err != nil {
		panic(err)
	}
}

// Flags adds the settings, and --config.
func (s Table) Flags(f *pflag.FlagSet) {
	f.Var(&once{}, configFlag, "YAML file with any of the settings below, by the same names")
	for _, row := range s {
		addFlag(f, row.name, row.value, row.usage)
	}
}

// once is a text that is given once: of two files of settings one would not count.
type once struct {
	text  string
	given bool
}

func (o *once) Set(text string) error {
	if o.given {
		return errors.New("it is given twice")
	}
	o.text, o.given = text, true
	return nil
}

func (o *once) String() string { return o.text }
func (o *once) Type() string   { return "string" }

func addFlag(f *pflag.FlagSet, name string, value any, usage string) {
	switch to := value.(type) {
	case *string:
		f.StringVar(to, name, *to, usage)
	case *int:
		f.IntVar(to, name, *to, usage)
	case *bool:
		f.BoolVar(to, name, *to, usage)
	case *time.Duration:
		f.DurationVar(to, name, *to, usage)
	case *[]string:
		f.StringSliceVar(to, name, *to, usage)
	case pflag.Value:
		f.Var(to, name, usage)
	case Repeated:
		f.StringArrayVar(to.to, name, *to.to, usage)
	case Delayed:
		addFlag(f, name, to.value, usage)
	default:
		panic(fmt.Sprintf("--%s: a setting cannot be a %T", name, value))
	}
}

// Read reads what is to be read from the values, files among it.
func (s Table) Read() (err error) {
	for _, row := range s {
		switch value := row.value.(type) {
		case Delayed:
			err = value.read()
		case Repeated:
			if value.read != nil {
				err = value.read()
			}
		}
		if err == nil {
			continue
		}
		if advice, system := durable.Advice(err); system {
			err = fmt.Errorf("%w\n\nWhat to do: %s", err, advice)
		}
		if !errors.Is(err, cli.ErrUsage) {
			err = cli.ArgError("%w", err)
		}
		return err
	}
	return nil
}
