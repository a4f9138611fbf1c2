package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// checks are what is held against a cluster after faults, and what a mutation breaks: by
// the word that lists have for it.
var checks = map[string]string{
	"kept":         "no acknowledged record is missing",
	"once":         "no id happens twice",
	"refused":      "refused stays refused",
	"alike":        "chains are the same, byte for byte, on all members and followers",
	"totals":       "no token is made or lost, in any block",
	"status":       "the status of an id never goes back",
	"linearizable": "reads show what was acknowledged before them",
	"outcome":      "503 hides no applied transaction, and what is not known is said to be so",
	"schedule":     "blocks come when the contract says",
	"stream":       "streams and pages have each event once, in order",
	"evidence":     "checkpoints, receipts and witnesses contradict nobody, and a majority is one",
	"healing":      "service is back without an operator",
	"damage":       "what is damaged is refused or repaired, and never served",
	"authority":    "only who holds the key sends from a wallet, and only once",
}

// mutation is one wrong line, and the test that is to notice it.
type mutation struct {
	Name   string
	Check  string // which of checks it breaks
	Breaks string // how, in a sentence
	Module string // whose file it is: "" for this module, else the path of a library
	File   string // in the folder of the module, with slashes
	Below  string // a line that stands there exactly once, above Old; "" where Old itself does
	Old    string // the line to break, without its indentation
	New    string // what stands there instead; "" for nothing
	Folder string // of the test
	Test   string
	Within time.Duration // how long the test may run until it has noticed
	Shows  string        // how the test notices: asserts, panics or hangs
}

// The ways in which a test notices something. That it hangs or panics counts only where
// the list says that it shows in that way.
const (
	asserts = "asserts"
	panics  = "panics"
	hangs   = "hangs"
)

// within is the time for tests that do not have one of their own.
const within = time.Minute

// readLists reads all lists in a folder, in the order of their names.
func readLists(folder string) (all []mutation, err error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		list, err := parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
		all = append(all, list...)
	}
	for i, m := range all {
		if slices.ContainsFunc(all[:i], func(o mutation) bool { return o.Name == m.Name }) {
			return nil, fmt.Errorf("two mutations are called %s", m.Name)
		}
	}
	return all, nil
}

// parse reads a list: paragraphs of a name and indented lines of a word and its text.
// What begins with # says something to people.
func parse(text string) (list []mutation, err error) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimRight(lines.Text(), " ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case !strings.HasPrefix(line, " "):
			list = append(list, mutation{Name: line, Within: within, Shows: asserts})
		case len(list) == 0:
			return nil, fmt.Errorf("line %d: of which mutation?", n)
		default:
			word, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if err := list[len(list)-1].set(word, strings.TrimSpace(value)); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
		}
	}
	for i := range list {
		if err := list[i].valid(); err != nil {
			return nil, fmt.Errorf("%s: %w", list[i].Name, err)
		}
	}
	return list, lines.Err()
}

func (m *mutation) set(word, value string) (err error) {
	switch word {
	case "check":
		m.Check = value
	case "breaks":
		m.Breaks = value
	case "module":
		m.Module = value
	case "file":
		m.File = value
	case "below":
		m.Below = value
	case "-":
		m.Old = value
	case "+":
		m.New = value
	case "test":
		m.Folder, m.Test, _ = strings.Cut(value, " ")
	case "within":
		m.Within, err = time.ParseDuration(value)
	case "shows":
		m.Shows = value
	default:
		err = fmt.Errorf("what is %q?", word)
	}
	return err
}

func (m *mutation) valid() error {
	switch {
	case checks[m.Check] == "":
		return fmt.Errorf("there is no check %q", m.Check)
	case m.Breaks == "" || m.File == "" || m.Old == "" || m.Folder == "" || m.Test == "":
		return errors.New("it has to say what it breaks, file, old line and test")
	case m.Old == m.New:
		return errors.New("it changes nothing")
	case strings.HasSuffix(m.File, "_test.go"):
		return errors.New("it changes a test")
	case !slices.Contains([]string{asserts, panics, hangs}, m.Shows):
		return fmt.Errorf("nothing shows by %q", m.Shows)
	case m.Within <= 0:
		return errors.New("it has no time")
	}
	return nil
}

// apply is the text of its file with the one line changed: the only one like it, or the
// first below the only one like Below.
func (m *mutation) apply(source string) (string, error) {
	lines := strings.SplitAfter(source, "\n")
	if m.Below == "" {
		at, err := m.only(lines, m.Old)
		if err != nil {
			return "", err
		}
		lines[at] = strings.Replace(lines[at], m.Old, m.New, 1)
		return strings.Join(lines, ""), nil
	}
	at, err := m.only(lines, m.Below)
	if err != nil {
		return "", err
	}
	for ; at < len(lines); at++ {
		if strings.TrimSpace(lines[at]) == m.Old {
			lines[at] = strings.Replace(lines[at], m.Old, m.New, 1)
			return strings.Join(lines, ""), nil
		}
	}
	return "", fmt.Errorf("%s has changed: no line below %q is %q", m.File, m.Below, m.Old)
}

// only is where the only line of a text is.
func (m *mutation) only(lines []string, text string) (at int, err error) {
	at = -1
	for i, line := range lines {
		switch {
		case strings.TrimSpace(line) != text:
		case at >= 0:
			return 0, fmt.Errorf("%s has changed: lines %d and %d are both %q", m.File, at+1, i+1, text)
		default:
			at = i
		}
	}
	if at < 0 {
		return 0, fmt.Errorf("%s has changed: no line is %q", m.File, text)
	}
	return at, nil
}
