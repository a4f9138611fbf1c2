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

// OutputFlag adds the choice of form to cmd and all below it.
func (o *Options) OutputFlag(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVarP(&o.Output, "output", "o", "table", "table or json")
	Complete(cmd, "output", "table", "json")
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error {
		if o.Output != "table" && o.Output != "json" {
			return ArgError("--output must be table or json")
		}
		return nil
	}
}

// Print writes v as JSON, or rows as a table.
func (o *Options) Print(out io.Writer, v any, header table.Row, rows ...table.Row) error {
	if o.Output == "json" {
		return PrintJSON(out, v)
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(header)
	for _, row := range rows {
		t.AppendRow(printableRow(row))
	}
	_, err := fmt.Fprintln(out, t.Render())
	return err
}

// Say writes v as JSON, or a text of our own.
func (o *Options) Say(out io.Writer, v any, text string) error {
	if o.Output == "json" {
		return PrintJSON(out, v)
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

// Refuse prints why something does not verify, where JSON is asked for, and
// returns the error for everybody else.
func (o *Options) Refuse(out io.Writer, err error) error {
	if o.Output != "json" {
		return audit.Invalid(err)
	}
	v := refusal{Code: string(chain.ErrInvalid), Detail: err.Error()}
	var code chain.Code
	if errors.As(err, &code) {
		v.Code = string(code)
	}
	return errors.Join(PrintJSON(out, v), audit.Invalid(err))
}

// Short cuts a hash for a table.
func Short(hash string) string {
	if len(hash) <= 16 {
		return hash
	}
	return hash[:16] + "…"
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

// printableRow is a row of a table whose cells are one line each. Numbers stay
// numbers, which a table aligns.
func printableRow(row table.Row) table.Row {
	out := make(table.Row, len(row))
	for i, cell := range row {
		switch v := cell.(type) {
		case nil, int, int64, uint64, bool:
			out[i] = v
		default:
			out[i] = PrintableLine(fmt.Sprint(v))
		}
	}
	return out
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
