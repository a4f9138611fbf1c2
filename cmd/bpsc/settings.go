package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

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

// load sets what the flags have not set from the environment and the file.
func (s settings) load(flags *pflag.FlagSet) error {
	k, err := readSources(flags)
	if err != nil {
		return err
	}
	for _, row := range s {
		if f := flags.Lookup(row.name); !f.Changed && k.Exists(row.name) {
			if err := row.set(f.Value, k.Get(row.name)); err != nil {
				return fmt.Errorf("%w: %s: %w", errUsage, row.name, err)
			}
		}
	}
	return nil
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
		if err != nil && !errors.Is(err, errUsage) {
			err = fmt.Errorf("%w: %w", errUsage, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// set sets a flag to a value that checkValue has let through. Several values are
// one text in a variable, and may be in the file.
func (s setting) set(to pflag.Value, value any) error {
	list, isList := to.(pflag.SliceValue)
	if !isList {
		return to.Set(fmt.Sprint(value))
	}
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
			texts = append(texts, fmt.Sprint(item))
		}
	}
	return list.Replace(texts)
}

// readSources merges the file and the environment.
func readSources(flags *pflag.FlagSet) (*koanf.Koanf, error) {
	k := koanf.New("\n") // no key contains a newline: the settings are flat
	path, err := flags.GetString("config")
	if err != nil {
		return nil, err
	}
	if path == "" {
		path = os.Getenv(envPrefix + "CONFIG")
	}
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return nil, fmt.Errorf("%w: --config %s: %w", errUsage, path, err)
		}
	}
	for _, key := range k.Keys() {
		if flags.Lookup(key) == nil {
			return nil, fmt.Errorf("%w: %s: unknown setting %q", errUsage, path, key)
		}
	}
	if err := checkValues(flags, k, func(key string) string { return path + ": " + key }); err != nil {
		return nil, err
	}
	variables := koanf.New("\n")
	if err := variables.Load(env.Provider("\n", env.Opt{Prefix: envPrefix, TransformFunc: keyOf(flags)}), nil); err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	if err := checkValues(flags, variables, variableOf); err != nil {
		return nil, err
	}
	return k, k.Merge(variables)
}

// keyOf makes BPSC_LOG_LEVEL the key log-level, and ignores variables that are not
// settings of this command.
func keyOf(flags *pflag.FlagSet) func(k, v string) (string, any) {
	return func(k, v string) (string, any) {
		key := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(k, envPrefix)), "_", "-")
		if flags.Lookup(key) == nil {
			return "", nil
		}
		return key, v
	}
}

// variableOf is the variable of a setting.
func variableOf(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

// checkValues refuses values that are not what their flag takes, by the name
// that the user gave them.
func checkValues(flags *pflag.FlagSet, k *koanf.Koanf, name func(key string) string) error {
	for _, key := range k.Keys() {
		if err := checkValue(flags.Lookup(key).Value.Type(), k.Get(key)); err != nil {
			return fmt.Errorf("%w: %s: %w", errUsage, name(key), err)
		}
	}
	return nil
}

// checkValue checks a value of YAML, or the text of a variable, against the
// type of a flag.
func checkValue(kind string, value any) error {
	text, isText := value.(string)
	shown := fmt.Sprint(value)
	if isText {
		shown = strconv.Quote(text)
	}
	switch kind {
	case "duration":
		if _, err := time.ParseDuration(text); err != nil {
			return fmt.Errorf("%s is not a duration, such as 150ms", shown)
		}
	case "int":
		_, isInt := value.(int)
		if _, err := strconv.Atoi(text); err != nil && !isInt {
			return fmt.Errorf("%s is not a whole number", shown)
		}
	case "bool":
		_, isBool := value.(bool)
		if _, err := strconv.ParseBool(text); err != nil && !isBool {
			return fmt.Errorf("%s is neither true nor false", shown)
		}
	case "stringSlice", "stringArray":
		list, isList := value.([]any)
		for _, item := range list {
			if _, isText := item.(string); !isText {
				return fmt.Errorf("%v is not a text: put it in quotes", item)
			}
		}
		if !isText && !isList {
			return fmt.Errorf("%s is neither a text nor a list of texts", shown)
		}
	default:
		if !isText {
			return fmt.Errorf("%s is not a text: put it in quotes", shown)
		}
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
