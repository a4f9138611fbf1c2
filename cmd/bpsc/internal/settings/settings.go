// Package settings is what a command that serves can be told, as a table: each row
// is a flag, a key of a YAML file and a BPSC_… variable at once.
package settings

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/durable"
)

// Table is the table of what a command that serves can be told. Each row is a
// flag, a key of the YAML file and a BPSC_… variable; the flag wins, then the
// variable, then the file, then what the value was before.
type Table []Row

type Row struct {
	name string
	// value is where the setting goes, and its default: a *string, *int, *bool,
	// *time.Duration, *[]string (split at commas), Repeated or Delayed.
	value any
	usage string
}

// New is a row. value is where the setting goes, as Row says.
func New(name string, value any, usage string) Row { return Row{name, value, usage} }

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

// Flags adds the settings, and --config.
func (s Table) Flags(f *pflag.FlagSet) {
	f.String("config", "", "YAML file with any of the settings below, by the same names")
	for _, row := range s {
		addFlag(f, row.name, row.value, row.usage)
	}
}

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
	case Repeated:
		f.StringArrayVar(to.to, name, *to.to, usage)
	case Delayed:
		addFlag(f, name, to.value, usage)
	default:
		panic(fmt.Sprintf("--%s: a setting cannot be a %T", name, value))
	}
}

// Load sets what the flags have not set from the environment and the file. What is
// wrong there is refused even where it does not count.
func (s Table) Load(flags *pflag.FlagSet) error {
	path, err := flags.GetString("config")
	if err != nil {
		return err
	}
	if path == "" {
		path = os.Getenv(cli.EnvPrefix + "CONFIG")
	}
	written, err := readSettings(path)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(written)) {
		if _, group := written[key].(map[string]any); group || flags.Lookup(key) == nil {
			return cli.ArgError("%s: unknown setting %q", path, key)
		}
	}
	for _, row := range s {
		f := flags.Lookup(row.name)
		given := saved(f.Value)
		if value, is := written[row.name]; is {
			if err := row.set(f.Value, value); err != nil {
				return cli.ArgError("%s: %s: %w", path, row.name, err)
			}
		}
		variable := cli.EnvPrefix + strings.ToUpper(strings.ReplaceAll(row.name, "-", "_"))
		if text, is := os.LookupEnv(variable); is {
			if err := row.set(f.Value, text); err != nil {
				return cli.ArgError("%s: %w", variable, err)
			}
		}
		if f.Changed {
			if err := given(); err != nil {
				return err
			}
		}
	}
	return nil
}

// readSettings reads the YAML file at path; "" is none.
func readSettings(path string) (written map[string]any, err error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(text, &written)
	}
	if err != nil {
		return nil, cli.ArgError("--config %s: %w", path, err)
	}
	return written, nil
}

// saved is what sets a flag to the value that it has now.
func saved(v pflag.Value) (restore func() error) {
	if list, is := v.(pflag.SliceValue); is {
		values := list.GetSlice()
		return func() error { return list.Replace(values) }
	}
	text := v.String()
	return func() error { return v.Set(text) }
}

// set sets a flag to a value of YAML or the text of a variable, if it is what the
// flag takes. Several values may be one text.
func (s Row) set(to pflag.Value, value any) error {
	text, isText := value.(string)
	shown := fmt.Sprint(value)
	if isText {
		shown = strconv.Quote(text)
	}
	var wanted string
	ok := isText
	switch kind := to.Type(); kind {
	case "duration":
		wanted = "not a duration, such as 150ms"
	case "int":
		_, isInt := value.(int)
		wanted, ok = "not a whole number", isText || isInt
	case "bool":
		_, isBool := value.(bool)
		wanted, ok = "neither true nor false", isText || isBool
	case "stringSlice", "stringArray":
		return s.setList(to.(pflag.SliceValue), value, shown)
	default:
		wanted = "not a text: put it in quotes"
	}
	if !ok || to.Set(fmt.Sprint(value)) != nil {
		return fmt.Errorf("%s is %s", shown, wanted)
	}
	return nil
}

func (s Row) setList(to pflag.SliceValue, value any, shown string) error {
	var texts []string
	switch value := value.(type) {
	case string:
		separator := ","
		if r, is := s.value.(Repeated); is {
			separator = r.separator
		}
		for part := range strings.SplitSeq(value, separator) {
			if part = strings.TrimSpace(part); part != "" {
				texts = append(texts, part)
			}
		}
	case []any:
		for _, item := range value {
			text, isText := item.(string)
			if !isText {
				return fmt.Errorf("%v is not a text: put it in quotes", item)
			}
			texts = append(texts, text)
		}
	default:
		return fmt.Errorf("%s is neither a text nor a list of texts", shown)
	}
	return to.Replace(texts)
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
