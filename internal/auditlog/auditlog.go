// Package auditlog is what is noted of an operator's action: who does what, and how
// that ended. A cluster replicates it. See docs/adr/0042-tokens.md.
package auditlog

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bpsc/bpsc/internal/token"
	"github.com/bpsc/bpsc/internal/wireformat"
)

// Who may do what an operator does.
const (
	Local = "local" // somebody on the member's own machine, before there is a token for it
	Root  = "root"  // who knows the operator's secret of the configuration
	Token = "token"
)

// MaxText is the longest text of an action, in bytes: the entries are kept in memory.
const MaxText = 200

// ErrInvalid: it is no action.
var ErrInvalid = errors.New("not an action")

// Action is what somebody is about to do.
type Action struct {
	Who     string `json:"who"`                  // Local, Root or Token
	Token   string `json:"token,omitempty"`      // its id
	Name    string `json:"name,omitempty"`       // of the token
	What    string `json:"action"`               // as members.remove
	Subject string `json:"subject,omitempty"`    // what it is done to
	From    string `json:"from,omitempty"`       // address of who asks
	Request string `json:"request_id,omitempty"` // as in the log of the member
	Member  string `json:"member,omitempty"`     // that was asked
}

// Entry is an action in the audit log.
type Entry struct {
	Number uint64 // from 1
	Time   int64  // of the cluster, in unix microseconds
	Action
	Ended  int64  // likewise; 0 while it has not, as far as the cluster has heard
	Result string // "ok", or the code of what went wrong
}

// OK is the result of what was done.
const OK = "ok"

// Check says what is wrong with an action.
func (a *Action) Check() error {
	switch a.Who {
	case Local, Root:
		if a.Token != "" || a.Name != "" {
			return fmt.Errorf("%w: %s has no token", ErrInvalid, a.Who)
		}
	case Token:
		if a.Token == "" {
			return fmt.Errorf("%w: it does not say which token", ErrInvalid)
		}
	default:
		return fmt.Errorf("%w: by nobody", ErrInvalid)
	}
	if a.What == "" {
		return fmt.Errorf("%w: it does nothing", ErrInvalid)
	}
	for _, text := range []string{a.Token, a.Name, a.What, a.Subject, a.From, a.Request, a.Member} {
		if err := CheckText(text); err != nil {
			return err
		}
	}
	return nil
}

// CheckText says what is wrong with a text of an entry.
func CheckText(text string) error {
	switch {
	case len(text) > MaxText || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return fmt.Errorf("%w: a text has more than %d bytes, or is not printable", ErrInvalid, MaxText)
	case token.In(text):
		return fmt.Errorf("%w: a text has a token in it", ErrInvalid)
	}
	return nil
}

// Fields writes or reads an action, as fields 1 to 8.
func (a *Action) Fields(c *wireformat.Codec) {
	c.Text(1, &a.Who)
	c.Text(2, &a.Token)
	c.Text(3, &a.Name)
	c.Text(4, &a.What)
	c.Text(5, &a.Subject)
	c.Text(6, &a.From)
	c.Text(7, &a.Request)
	c.Text(8, &a.Member)
}

// Encode writes the entry as it is stored.
func (e *Entry) Encode() []byte {
	c := wireformat.NewWriter(nil)
	e.fields(c)
	return c.Written()
}

// Decode reads what Encode has written, and nothing else.
func Decode(row []byte) (e Entry, err error) {
	c := wireformat.NewReader(row)
	c.Require(1)
	e.fields(c)
	if err := c.Finish(); err != nil {
		return Entry{}, err
	}
	return e, e.Check()
}

func (e *Entry) fields(c *wireformat.Codec) {
	c.Uint(1, &e.Number)
	c.Int(2, &e.Time)
	wireformat.Message(c, 3, &e.Action, (*Action).Fields)
	c.Int(4, &e.Ended)
	c.Text(5, &e.Result)
}
