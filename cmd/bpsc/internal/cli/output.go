package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"unicode"

	"github.com/google/renameio/v2"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
)

// Forms in which commands print what they know.
const (
	Table = "table"
	JSON  = "json"
	YAML  = "yaml"
	CSV   = "csv"
)

// OutputFlag adds the choice of form to cmd and all below it.
func (o *Options) OutputFlag(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVarP(&o.Output, "output", "o", Table, "table, json, yaml or csv")
	Complete(cmd, "output", Table, JSON, YAML, CSV)
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error { return o.checkOutput() }
}

func (o *Options) checkOutput() error {
	switch o.Output {
	case Table, JSON, YAML, CSV:
		return nil
	}
	return ArgError("--output must be table, json, yaml or csv")
}

// ForPeople tells whether sentences may stand beside the data.
func (o *Options) ForPeople() bool { return o.Output == Table }

// Print writes v as JSON or YAML, or rows as a table that fits the terminal or as CSV.
// All data that commands print go through here and Say.
func (o *Options) Print(out io.Writer, v any, header table.Row, rows ...table.Row) error {
	switch o.Output {
	case JSON:
		return PrintJSON(out, v)
	case YAML:
		return printYAML(out, v)
	case CSV:
		return printCSV(out, header, rows)
	}
	_, err := fmt.Fprintln(out, renderTable(header, rows, columnsOf(out), coloured(out)))
	return err
}

// Say writes a text of our own, or v, which as CSV is a row, or one for each item.
func (o *Options) Say(out io.Writer, v any, text string) error {
	switch o.Output {
	case JSON:
		return PrintJSON(out, v)
	case YAML:
		return printYAML(out, v)
	case CSV:
		return printValueCSV(out, v)
	}
	_, err := io.WriteString(out, text)
	return err
}

func PrintJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// refusal is what a command that verifies prints in JSON when the answer is no.
type refusal struct {
	Verified bool   `json:"verified"`
	Code     string `json:"code"`
	Detail   string `json:"detail"`
}

// Refuse prints why something does not verify, where a program asks, and
// returns the error for everybody else.
func (o *Options) Refuse(out io.Writer, err error) error {
	if o.ForPeople() {
		return audit.Invalid(err)
	}
	v := refusal{Code: string(chain.ErrInvalid), Detail: err.Error()}
	var code chain.Code
	if errors.As(err, &code) {
		v.Code = string(code)
	}
	return errors.Join(o.Say(out, v, ""), audit.Invalid(err))
}

// Printable shows text that a stranger may have chosen, such as a wallet's name,
// so that it cannot act on the terminal: control characters, and those that
// change the direction or the look of what stands beside them, are escaped. Line
// breaks and tabs of our own messages stay.
func Printable(text string) string { return escape(text, "\n\t") }

// PrintableLine is printable for text that belongs on one line.
func PrintableLine(text string) string { return escape(text, "") }

func escape(text, but string) string {
	act := func(r rune) bool { return !unicode.IsPrint(r) && !strings.ContainsRune(but, r) }
	if strings.IndexFunc(text, act) < 0 && !strings.ContainsRune(text, unicode.ReplacementChar) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if act(r) {
			quoted := strconv.QuoteToASCII(string(r))
			b.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// WriteFile lets write fill the file that the user named, - for standard
// output. A regular file appears whole or not at all, and keeps its mode if it
// was there. Anything else (a device, a FIFO, a symbolic link) stays what it is
// and is written through, as a shell's > does.
func WriteFile(path string, stdout io.Writer, write func(io.Writer) error) error {
	if path == "-" {
		return write(stdout)
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return ArgError("--file: %w", err)
	case info.IsDir():
		return ArgError("--file %s is a directory", path)
	case !info.Mode().IsRegular():
		return writeThrough(path, write)
	}
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644), renameio.WithExistingPermissions())
	if err != nil {
		return err
	}
	if err = write(f); err == nil {
		err = f.CloseAtomicallyReplace()
	}
	return errors.Join(err, f.Cleanup())
}

func writeThrough(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
