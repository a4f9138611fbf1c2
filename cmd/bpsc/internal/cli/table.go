package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
)

// Cells and titles of a table that are more than text.
type (
	// Digest is a hash, of which a table shows the beginning.
	Digest string
	// Good and Bad are words that say so by their colour as well.
	Good string
	Bad  string
	// Extra is the title of a column that is left out where the terminal is narrow.
	Extra string
)

// columnsOf is how wide the terminal is that out writes to; 0 is as wide as need be.
func columnsOf(out io.Writer) int {
	if w, is := out.(interface{ Columns() int }); is {
		return w.Columns()
	}
	f, is := out.(*os.File)
	if !is || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// coloured tells whether what out writes to shows colours, and nobody has asked for none
// (no-color.org).
func coloured(out io.Writer) bool {
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	if w, is := out.(interface{ Terminal() bool }); is {
		return w.Terminal()
	}
	f, is := out.(*os.File)
	return is && term.IsTerminal(int(f.Fd()))
}

// grid is a table of text.
type grid struct {
	header []string
	extra  []bool // columns that may be left out
	cells  [][]any
}

func newGrid(header table.Row, rows []table.Row, colour bool) *grid {
	g := &grid{}
	for _, title := range header {
		_, extra := title.(Extra)
		g.header, g.extra = append(g.header, fmt.Sprint(title)), append(g.extra, extra)
	}
	for _, row := range rows {
		g.cells = append(g.cells, printableRow(row, colour))
	}
	return g
}

// printableRow is a row whose cells are one line each. Numbers stay numbers, which a
// table aligns.
func printableRow(row table.Row, colour bool) []any {
	out := make([]any, len(row))
	for i, cell := range row {
		shown := plainCell(cell)
		if d, is := cell.(Digest); is {
			shown = short(string(d))
		}
		if colour {
			switch cell.(type) {
			case Good:
				shown = text.FgGreen.Sprint(shown)
			case Bad:
				shown = text.FgRed.Sprint(shown)
			}
		}
		out[i] = shown
	}
	return out
}

// plainCell is a cell whole, in a form that cannot act on a terminal.
func plainCell(cell any) any {
	switch v := cell.(type) {
	case nil, int, int64, uint64, bool:
		return v
	default:
		return PrintableLine(fmt.Sprint(v))
	}
}

// short cuts a hash for a table.
func short(hash string) string {
	if len(hash) <= 16 {
		return hash
	}
	return hash[:16] + "…"
}

// renderTable draws a table of columns at most, 0 for any number. What does not fit is
// made to: columns that may be are left out, then text is wrapped between its words, and
// where that is not enough each row is a list. An id is never broken, so that it can be
// copied.
func renderTable(header table.Row, rows []table.Row, columns int, colour bool) string {
	g := newGrid(header, rows, colour)
	left := g.leaveOut(columns)
	widths, fits := g.fit(columns)
	if !fits {
		return newGrid(header, rows, colour).list()
	}
	drawn := g.draw(widths)
	if len(left) > 0 {
		drawn += "\nnot shown, for want of room: " + strings.Join(left, ", ") + "; -o json has them"
	}
	return drawn
}

// The lines of a table take one column each, and a space on both sides of what they part.
const aroundCell = 3

func (g *grid) width(widths []int) int {
	total := 1
	for _, w := range widths {
		total += w + aroundCell
	}
	return total
}

// natural are the widths of the columns as they come; words those of their longest words.
func (g *grid) natural() (widths, words []int) {
	measure := func(i int, cell string) {
		widths[i] = max(widths[i], text.StringWidthWithoutEscSequences(cell))
		for word := range strings.FieldsSeq(cell) {
			words[i] = max(words[i], text.StringWidthWithoutEscSequences(word))
		}
	}
	widths, words = make([]int, len(g.header)), make([]int, len(g.header))
	for i, title := range g.header {
		measure(i, title)
		for _, row := range g.cells {
			measure(i, cellText(row, i))
		}
	}
	return widths, words
}

// cellText is a cell of a row, which may be shorter than the header.
func cellText(row []any, i int) string {
	if i >= len(row) || row[i] == nil {
		return ""
	}
	return fmt.Sprint(row[i])
}

// leaveOut takes away columns, the last first, until the rest fits, and names them.
func (g *grid) leaveOut(columns int) (left []string) {
	for columns > 0 {
		widths, _ := g.natural()
		last := -1
		for i, extra := range g.extra {
			if extra {
				last = i
			}
		}
		if last < 0 || g.width(widths) <= columns {
			break
		}
		left = append(left, g.header[last])
		g.header, g.extra = slices.Delete(g.header, last, last+1), slices.Delete(g.extra, last, last+1)
		for i, row := range g.cells {
			if last < len(row) {
				g.cells[i] = slices.Delete(row, last, last+1)
			}
		}
	}
	slices.Reverse(left)
	return left
}

// fit narrows the widest columns, none below its longest word.
func (g *grid) fit(columns int) (widths []int, fits bool) {
	widths, words := g.natural()
	for columns > 0 && g.width(widths) > columns {
		widest := -1
		for i, w := range widths {
			if w > words[i] && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return nil, false
		}
		widths[widest]--
	}
	return widths, true
}

func (g *grid) draw(widths []int) string {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	header, configs := make(table.Row, len(g.header)), make([]table.ColumnConfig, len(g.header))
	for i, title := range g.header {
		header[i] = title
		configs[i] = table.ColumnConfig{Number: i + 1, WidthMax: widths[i], WidthMaxEnforcer: text.WrapSoft}
	}
	t.AppendHeader(header)
	t.SetColumnConfigs(configs)
	for _, row := range g.cells {
		t.AppendRow(row)
	}
	return t.Render()
}

// list draws each row as lines of title and cell.
func (g *grid) list() string {
	title := 0
	for _, h := range g.header {
		title = max(title, text.StringWidthWithoutEscSequences(h))
	}
	var rows []string
	for _, row := range g.cells {
		var b strings.Builder
		for i, h := range g.header {
			fmt.Fprintf(&b, "%s  %s\n", text.Pad(strings.ToUpper(h), title, ' '), cellText(row, i))
		}
		rows = append(rows, b.String())
	}
	return strings.TrimSuffix(strings.Join(rows, "\n"), "\n")
}
