package settings

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

// Kinds of origins.
const (
	Default  = "default"
	File     = "file"
	Variable = "variable"
	Flag     = "flag"
)

// Value is what a setting came to, and why.
type Value struct {
	Name   string `json:"name"`
	Text   string `json:"value"`
	Unset  string `json:"if_empty,omitempty"` // what an empty text stands for
	Origin string `json:"origin"`             // Default, File, Variable or Flag
	Where  string `json:"where,omitempty"`    // file:line, or the variable's name

	live bool
}

// Loaded is what a table came to.
type Loaded struct {
	Path     string // of the file, or ""
	Values   []Value
	Warnings []string // about what is no mistake for certain

	file file
}

// Load sets what the flags have not set from the environment and the file. What is
// wrong there is refused even where it does not count, all of it at once.
func (s Table) Load(flags *pflag.FlagSet) (*Loaded, error) {
	path, err := flags.GetString(configFlag)
	if err != nil {
		return nil, err
	}
	if path == "" {
		path = os.Getenv(cli.EnvPrefix + "CONFIG")
	}
	l := &Loaded{Path: path}
	if l.file, err = readFile(path); err != nil {
		return nil, cli.ArgError("%w", err)
	}
	wrong := s.unknown(&l.file)
	for _, row := range s {
		value, err := row.load(flags.Lookup(row.name), &l.file)
		l.Values = append(l.Values, value)
		wrong = append(wrong, err)
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, cli.ArgError("%w", err)
	}
	l.Warnings = s.misspelt(os.Environ())
	return l, nil
}

// load sets one flag, the stronger after the weaker.
func (s Row) load(f *pflag.Flag, from *file) (Value, error) {
	given, v := saved(f.Value), Value{Name: s.name, Origin: Default, Unset: s.unset(), live: s.live}
	if one, is := from.find(s.name); is {
		if err := s.set(f.Value, one.value); err != nil {
			return v, fmt.Errorf("%s: %s: %w", from.at(one.line), s.name, err)
		}
		v.Origin, v.Where = File, from.short(one.line)
	}
	if text, is := os.LookupEnv(s.variable()); is {
		if err := s.set(f.Value, text); err != nil {
			return v, fmt.Errorf("%s: %w", s.variable(), err)
		}
		v.Origin, v.Where = Variable, s.variable()
	}
	if f.Changed {
		if err := given(f.Value); err != nil {
			return v, err
		}
		v.Origin, v.Where = Flag, ""
	}
	v.Text = s.textOf(f.Value)
	return v, nil
}

// unknown refuses what the file has and the table has not.
func (s Table) unknown(f *file) (wrong []error) {
	for _, one := range f.items {
		known := slices.ContainsFunc(s, func(row Row) bool { return row.name == one.name })
		if known && !one.group {
			continue
		}
		hint := ""
		if like := s.similar(one.name); like != "" {
			hint = fmt.Sprintf("; did you mean %q?", like)
		}
		wrong = append(wrong, fmt.Errorf("%s: unknown setting %q%s", f.at(one.line), one.name, hint))
	}
	return wrong
}

// Names are the settings that a file has.
func Names(path string) (names []string, err error) {
	f, err := readFile(path)
	for _, one := range f.items {
		names = append(names, one.name)
	}
	return names, err
}

// Knows counts the names that are settings of the table.
func (s Table) Knows(names []string) (count int) {
	for _, row := range s {
		if slices.Contains(names, row.name) {
			count++
		}
	}
	return count
}

// misspelt warns of variables that are no setting and look like one. Others have their
// own, and what runs containers makes some.
func (s Table) misspelt(environment []string) (warnings []string) {
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		word, ours := strings.CutPrefix(name, cli.EnvPrefix)
		if !ours || slices.ContainsFunc(s, func(row Row) bool { return row.variable() == name }) {
			continue
		}
		for _, row := range s {
			if distance := edits(word, strings.TrimPrefix(row.variable(), cli.EnvPrefix)); distance <= len(word)/5 {
				warnings = append(warnings, fmt.Sprintf("%s is no setting; is %s meant?", name, row.variable()))
				break
			}
		}
	}
	slices.Sort(warnings)
	return warnings
}

// LoadAgain is Load for flags that nobody gave but that are to say what given ones say.
func (s Table) LoadAgain(flags, given *pflag.FlagSet) (*Loaded, error) {
	var err error
	given.Visit(func(one *pflag.Flag) {
		if to := flags.Lookup(one.Name); to != nil && err == nil {
			err, to.Changed = saved(one.Value)(to.Value), true
		}
	})
	if err != nil {
		return nil, err
	}
	return s.Load(flags)
}

// Take takes what counts at once of what is loaded now, and says which settings of that
// changed, and which others: those stay what they were until the next start.
func (l *Loaded) Take(now *Loaded) (live, later []string) {
	for i, is := range now.Values {
		switch was := &l.Values[i]; {
		case is.Text == was.Text:
		case is.live:
			live, *was = append(live, is.Name), is
		default:
			later = append(later, is.Name)
		}
	}
	return live, later
}

var flagInError = regexp.MustCompile(`--([a-z0-9-]+)`)

// Blame says of an error, which names settings as flags, where in the file the first of
// them stands; if none does, which file it is.
func (l *Loaded) Blame(err error) error {
	for _, named := range flagInError.FindAllStringSubmatch(err.Error(), -1) {
		for _, v := range l.Values {
			if v.Name != named[1] {
				continue
			}
			switch one, _ := l.file.find(v.Name); v.Origin {
			case File:
				return fmt.Errorf("%s: %w", l.file.at(one.line), err)
			case Variable:
				return fmt.Errorf("%s: %w", v.Where, err)
			}
		}
	}
	return fmt.Errorf("%s: %w", l.Path, err)
}
