package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/bpsc/bpsc/internal/logbridge"
)

const envPrefix = "BPSC_"

// logConfig is how a process that serves keeps its log.
type logConfig struct {
	LogLevel  string // debug, info, warn or error
	LogFormat string // text or json
}

// settingsFlags adds the flags that all commands that serve have in common.
func settingsFlags(f *pflag.FlagSet) {
	f.String("config", "", "YAML file with any of the settings below, by the same names")
	f.String("log-level", "info", "debug, info, warn or error")
	f.String("log-format", "text", "text or json")
}

// loadSettings merges the file, the environment and the flags.
func loadSettings(flags *pflag.FlagSet) (*koanf.Koanf, error) {
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
	known := flagNames(flags)
	for _, key := range k.Keys() {
		if !slices.Contains(known, key) {
			return nil, fmt.Errorf("%w: %s: unknown setting %q", errUsage, path, key)
		}
	}
	if err := checkValues(flags, k, func(key string) string { return path + ": " + key }); err != nil {
		return nil, err
	}
	variables := koanf.New("\n")
	if err := variables.Load(env.Provider("\n", env.Opt{Prefix: envPrefix, TransformFunc: envKey(known)}), nil); err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	if err := checkValues(flags, variables, variableOf); err != nil {
		return nil, err
	}
	if err := errors.Join(k.Merge(variables), k.Load(posflag.Provider(flags, "\n", k), nil)); err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	return k, nil
}

// variableOf is the variable of a setting.
func variableOf(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

// checkValues refuses values that are not what their flag takes, by the name
// that the user gave them: koanf would read them as nothing.
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
	var err error
	switch kind {
	case "duration":
		if _, err = time.ParseDuration(text); err != nil {
			err = fmt.Errorf("%s is not a duration, such as 150ms", shown(value))
		}
	case "int":
		_, isInt := value.(int)
		if _, err = strconv.Atoi(text); err != nil && !isInt {
			return fmt.Errorf("%s is not a whole number", shown(value))
		}
		return nil
	case "bool":
		_, isBool := value.(bool)
		if _, err = strconv.ParseBool(text); err != nil && !isBool {
			return fmt.Errorf("%s is neither true nor false", shown(value))
		}
		return nil
	case "stringSlice", "stringArray":
		list, isList := value.([]any)
		for _, item := range list {
			if _, ok := item.(string); !ok {
				return fmt.Errorf("%s is not a text: put it in quotes", shown(item))
			}
		}
		if !isText && !isList {
			err = fmt.Errorf("%s is neither a text nor a list of texts", shown(value))
		}
	default:
		if !isText {
			err = fmt.Errorf("%s is not a text: put it in quotes", shown(value))
		}
	}
	return err
}

// shown is a value in a message.
func shown(value any) string {
	if text, ok := value.(string); ok {
		return strconv.Quote(text)
	}
	return fmt.Sprint(value)
}

func flagNames(flags *pflag.FlagSet) (names []string) {
	flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// envKey makes BPSC_LOG_LEVEL the key log-level, and ignores variables that
// are not settings of this command.
func envKey(known []string) func(k, v string) (string, any) {
	return func(k, v string) (string, any) {
		key := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(k, envPrefix)), "_", "-")
		if !slices.Contains(known, key) {
			return "", nil
		}
		return key, v
	}
}

func readLogConfig(k *koanf.Koanf) logConfig {
	return logConfig{LogLevel: k.String("log-level"), LogFormat: k.String("log-format")}
}

// Validate says what is wrong with c, by the flag's name.
func (c logConfig) Validate() error {
	if c.LogFormat != "text" && c.LogFormat != "json" {
		return errors.New("--log-format must be text or json")
	}
	if _, err := c.level(); err != nil {
		return errors.New("--log-level must be debug, info, warn or error")
	}
	return nil
}

func (c logConfig) level() (l slog.Level, err error) {
	err = l.UnmarshalText([]byte(c.LogLevel))
	return l, err
}

// logger writes lines of the level that was asked for.
func (c logConfig) logger(out io.Writer) *slog.Logger {
	level, _ := c.level() // validated
	opts := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(logbridge.Limit(slog.NewJSONHandler(out, opts)))
	}
	return slog.New(logbridge.Limit(slog.NewTextHandler(out, opts)))
}

func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}
