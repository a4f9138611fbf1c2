package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bpsc/bpsc/client"
)

const (
	watchFlag    = "watch"
	watchDefault = "2s"
	// minWatch keeps somebody who looks from being a load.
	minWatch = 100 * time.Millisecond
)

// Watchable adds --watch to a command that shows how something is. With it the command
// runs again and again until it is interrupted, which is no failure: on a terminal in
// place, elsewhere what it prints is printed whenever it differs from what was printed
// last, whole: in YAML with --- between, in CSV with its header. While no server answers it shows the last good state, and how old that is.
func (o *Options) Watchable(cmd *cobra.Command) {
	var every time.Duration
	f := cmd.Flags()
	f.DurationVar(&every, watchFlag, 0, "show it again and again, every so often, until interrupted: on a terminal in place, elsewhere each time that it is not what it was, a whole document in every form (YAML with --- between)")
	f.Lookup(watchFlag).NoOptDefVal = watchDefault
	once := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !f.Changed(watchFlag) {
			return once(cmd, args)
		}
		if every < minWatch {
			return ArgError("--watch is a time from %s on", minWatch)
		}
		w := newWatch(cmd, every)
		if o.Output == YAML {
			w.between = "---\n"
		}
		for ctx := cmd.Context(); ; {
			w.collect(cmd)
			err := once(cmd, args)
			cmd.SetOut(nil)
			cmd.SetErr(nil)
			if ctx.Err() != nil {
				return nil
			}
			if err := w.show(err); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(every):
			}
		}
	}
}

// watch collects what a command prints in one round. One goroutine uses it.
type watch struct {
	bytes.Buffer
	title    string
	out      io.Writer
	people   io.Writer
	terminal *os.File // nil: out is none

	between string // what parts a document from the one before, where out is no terminal

	good   string    // what was printed last without an error
	at     time.Time // when
	failed string    // the error that was told last
}

func newWatch(cmd *cobra.Command, every time.Duration) *watch {
	w := &watch{title: fmt.Sprintf("every %s: %s", every, cmd.CommandPath()), out: cmd.OutOrStdout(), people: cmd.ErrOrStderr()}
	if f, is := w.out.(*os.File); is && term.IsTerminal(int(f.Fd())) {
		w.terminal = f
	}
	return w
}

// collect has cmd print to w: on a terminal what it says to people, too.
func (w *watch) collect(cmd *cobra.Command) {
	cmd.SetOut(w)
	if w.terminal != nil {
		cmd.SetErr(w)
	}
}

// Columns implements what columnsOf asks.
func (w *watch) Columns() int {
	if w.terminal == nil {
		return 0
	}
	return columnsOf(w.terminal)
}

// Terminal implements what coloured asks.
func (w *watch) Terminal() bool { return w.terminal != nil }

// show shows what a round came to. It returns the errors that will not pass by
// themselves; one is that nobody has ever answered.
func (w *watch) show(err error) error {
	printed := w.String()
	w.Reset()
	waits := errors.Is(err, client.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
	if err != nil && (!waits || w.at.IsZero()) {
		_, _ = io.WriteString(w.out, printed)
		return err
	}
	note := ""
	switch {
	case err != nil:
		note = fmt.Sprintf("\nas of %s ago: %s\n", time.Since(w.at).Round(time.Second), Printable(err.Error()))
	case printed == w.good && w.terminal == nil && w.failed == "":
		w.at = time.Now()
		return nil
	}
	if w.terminal != nil {
		if err == nil {
			w.good, w.at = printed, time.Now()
		}
		return w.repaint(w.good + note)
	}
	if err != nil {
		if w.failed == "" { // once, until it is over
			_, _ = io.WriteString(w.people, note)
		}
		w.failed = err.Error()
		return nil
	}
	text := printed
	if !w.at.IsZero() {
		text = w.between + printed
	}
	w.good, w.at, w.failed = printed, time.Now(), ""
	_, err = io.WriteString(w.out, text)
	return err
}

// Sequences by which a terminal shows a picture over the one before without flicker.
const (
	home       = "\x1b[H"
	restOfLine = "\x1b[K"
	restOfPage = "\x1b[J"
)

// repaint shows as much as the terminal has lines for.
func (w *watch) repaint(body string) error {
	lines := append([]string{w.title + "   " + time.Now().Format(time.TimeOnly), ""}, strings.Split(strings.TrimRight(body, "\n"), "\n")...)
	if _, rows, err := term.GetSize(int(w.terminal.Fd())); err == nil && rows > 2 && len(lines) >= rows {
		more := len(lines) - rows + 2
		lines = append(lines[:rows-2], fmt.Sprintf("… %d lines more", more))
	}
	_, err := io.WriteString(w.out, home+strings.Join(lines, restOfLine+"\n")+restOfLine+"\n"+restOfPage)
	return err
}
