package main

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

	"github.com/bpsc/bpsc/internal/diskspace"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/node"
)

const envPrefix = "BPSC_"

// settings is the table of what a command that serves can be told. Each row is a
// flag, a key of the YAML file and a BPSC_… variable; the flag wins, then the
// variable, then the file, then what the value was before.
type settings []setting

type setting struct {
	name string
	// value is where the setting goes, and its default: a *string, *int, *bool,
	// *time.Duration, *[]string (split at commas), repeated or delayed.
	value any
	usage string
}

// repeated is a list whose flag takes one value each time, as it stands.
type repeated struct {
	to        *[]string
	separator string       // in a variable, and in a text in the file
	read      func() error // as in delayed; nil: to is where the setting goes
}

// delayed is a value from which something else is read, once it is known.
type delayed struct {
	value any
	read  func() error
}

// parsed is a setting that parse reads from a text. "" leaves it as it is.
func parsed[T any](to *T, parse func(text string) (T, error)) delayed {
	text := new(string)
	return delayed{text, func() (err error) {
		if *text != "" {
			*to, err = parse(*text)
		}
		return err
	}}
}

// repeatedly is a setting that parse reads from a list.
func repeatedly[T any](to *T, separator string, parse func(list []string) (T, error)) repeated {
	list := new([]string)
	return repeated{list, separator, func() (err error) {
		*to, err = parse(*list)
		return err
	}}
}

// flags adds the settings, and --config.
func (s settings) flags(f *pflag.FlagSet) {
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
	case repeated:
		f.StringArrayVar(to.to, name, *to.to, usage)
	case delayed:
		addFlag(f, name, to.value, usage)
	default:
		panic(fmt.Sprintf("--%s: a setting cannot be a %T", name, value))
	}
}

// load sets what the flags have not set from the environment and the file. What is
// wrong there is refused even where it does not count.
func (s settings) load(flags *pflag.FlagSet) error {
	path, err := flags.GetString("config")
	if err != nil {
		return err
	}
	if path == "" {
		path = os.Getenv(envPrefix + "CONFIG")
	}
	written, err := readSettings(path)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(written)) {
		if _, group := written[key].(map[string]any); group || flags.Lookup(key) == nil {
			return argError("%s: unknown setting %q", path, key)
		}
	}
	for _, row := range s {
		f := flags.Lookup(row.name)
		given := saved(f.Value)
		if value, is := written[row.name]; is {
			if err := row.set(f.Value, value); err != nil {
				return argError("%s: %s: %w", path, row.name, err)
			}
		}
		variable := envPrefix + strings.ToUpper(strings.ReplaceAll(row.name, "-", "_"))
		if text, is := os.LookupEnv(variable); is {
			if err := row.set(f.Value, text); err != nil {
				return argError("%s: %w", variable, err)
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
		return nil, argError("--config %s: %w", path, err)
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
func (s setting) set(to pflag.Value, value any) error {
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

func (s setting) setList(to pflag.SliceValue, value any, shown string) error {
	var texts []string
	switch value := value.(type) {
	case string:
		separator := ","
		if r, is := s.value.(repeated); is {
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

// read reads what is to be read from the values, files among it.
func (s settings) read() (err error) {
	for _, row := range s {
		switch value := row.value.(type) {
		case delayed:
			err = value.read()
		case repeated:
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
		if !errors.Is(err, errUsage) {
			err = argError("%w", err)
		}
		return err
	}
	return nil
}

// listening is where a process listens, which a node of another program need not.
func listening(to *string) delayed {
	return delayed{to, func() error {
		if *to == "" {
			return errors.New(`--listen "" is not host:port`)
		}
		return nil
	}}
}

func minFreeSetting(to *diskspace.Reserve) setting {
	return setting{"min-free", parsed(to, diskspace.ParseReserve),
		"what is to stay free on the disk of --data, in bytes or as a share, such as 2GiB or 5%; with less no writes are taken until there is room; 0: fill it (default: 256MiB)"}
}

// secretVariable holds the operator's secret itself. It has no flag, which
// everybody on the machine could read.
const secretVariable = envPrefix + "OPERATOR_SECRET"

func accessSettings(a *node.Access) settings {
	path := new(string)
	return settings{
		{"allow-host", &a.AllowHost, "further name by which this node may be called (its addresses, localhost and the hosts of --listen and --advertise are allowed); may be repeated"},
		{"allow-origin", &a.AllowOrigin, "scheme://host[:port] of a site whose pages may write here; may be repeated"},
		{"operator-secret-file", delayed{path, func() (err error) {
			a.OperatorSecret, err = readSecret(*path)
			return err
		}}, "file with the secret that the operator's requests carry, as Authorization: Bearer …; " +
			"also the variable " + secretVariable + " (default: they must come from this machine)"},
	}
}

func readSecret(path string) (string, error) {
	secret, from := os.Getenv(secretVariable), secretVariable
	if path != "" {
		text, err := os.ReadFile(path)
		switch {
		case err != nil:
			return "", fmt.Errorf("--operator-secret-file: %w", err)
		case secret != "":
			return "", fmt.Errorf("--operator-secret-file and %s: give one of them", secretVariable)
		}
		secret, from = string(text), "--operator-secret-file"
	} else if secret == "" {
		return "", nil
	}
	if secret = strings.TrimSpace(secret); len(secret) < node.MinSecret {
		return "", fmt.Errorf("the secret of %s has %d bytes, at least %d are needed", from, len(secret), node.MinSecret)
	}
	return secret, nil
}
