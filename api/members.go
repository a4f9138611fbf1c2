package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/httpcache"
	"github.com/bpsc/bpsc/api/query"
	"github.com/bpsc/bpsc/chain/pyjson"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/release"
)

// MemberChanger changes who the members of the cluster are, on whichever member it is
// asked.
type MemberChanger interface {
	// ChangeMembers makes a change, or says what it would do. A refusal wraps its
	// outcome.Code. It may wait until ctx ends, for a member that is not there yet.
	ChangeMembers(ctx context.Context, c MemberChange) (MembersChanged, error)
}

// The kinds of changes.
const (
	addMember      = "add"
	promoteMember  = "promote"
	demoteMember   = "demote"
	removeMember   = "remove"
	replaceMember  = "replace"
	transferLeader = "transfer-leader"
)

// MemberChange is what an operator asks for.
type MemberChange struct {
	Kind string // add, promote, demote, remove, replace, transfer-leader
	// ID is the member's; for transfer-leader who shall lead, "" for anybody.
	ID        string
	Instance  string // only this instance of the member; "" for any
	Raft      string // host:port: add; replace: "" for the address of the old one
	NonVoter  bool   // add: it stays a non-voter
	TwoVoters bool   // two voters may be the result
	At        uint64 // index of the configuration that the operator saw; 0 for any
	DryRun    bool   // change nothing
}

// MembersChanged is what a change did, or would do.
type MembersChanged struct {
	Index uint64       `json:"index"` // of the configuration afterwards
	Steps []MemberStep `json:"steps"` // the first is how things were before
}

// MemberStep is what happens, and who votes from then on.
type MemberStep struct {
	What      string   `json:"what"`
	Voters    []string `json:"voters"`
	Quorum    int      `json:"quorum"`    // how many voters make a majority
	Reachable int      `json:"reachable"` // how many voters answer
	CanLose   int      `json:"can_lose"`  // how many of those may fail
}

// addMember is POST /v1/cluster/members: {"id":"n4","raft":"host:port"}.
func (s *memberServer) addMember(c *gin.Context) error {
	return s.changeMembers(c, MemberChange{Kind: addMember}, "id", "raft", "non_voter", "two_voters")
}

// changeMember is POST /v1/cluster/members/{id}:promote, :demote, :remove and
// :replace.
func (s *memberServer) changeMember(c *gin.Context) error {
	param, err := url.PathUnescape(c.Param("id"))
	if err != nil {
		return outcome.PathUnknown
	}
	id, verb, _ := strings.Cut(param, ":")
	change := MemberChange{Kind: verb, ID: id}
	switch verb {
	case promoteMember, demoteMember, removeMember:
		return s.changeMembers(c, change, "instance", "two_voters")
	case replaceMember:
		return s.changeMembers(c, change, "instance", "raft", "two_voters")
	}
	return outcome.PathUnknown
}

// transferLeader is POST /v1/cluster:transfer-leader: {"to":"n2"}, or {} for
// whoever can do it best.
func (s *memberServer) transferLeader(c *gin.Context) error {
	return s.changeMembers(c, MemberChange{Kind: transferLeader}, "to")
}

// changeMembers adds the fields of the body to a change, and has it made. ?wait= is
// how long it may wait for a member that is not there yet.
func (s *memberServer) changeMembers(c *gin.Context, change MemberChange, fields ...string) error {
	wait, err := query.Duration(c, "wait", maxLongPoll)
	if err != nil {
		return err
	}
	if err := s.readChange(c, &change, fields); err != nil {
		return err
	}
	var changed MembersChanged
	err = s.notedUnlessDry(c, change.DryRun, "members."+change.Kind, strings.TrimSpace(change.ID+" "+change.Raft), func() error {
		again := "The members may have been changed: look at GET /v1/cluster before asking again"
		return s.orderWithin(c, cmp.Or(wait, s.cfg.WriteTimeout), again, func(ctx context.Context) (err error) {
			changed, err = s.member.ChangeMembers(ctx, change)
			return err
		})
	})
	if err != nil {
		return err
	}
	httpcache.NoStore(c.Writer.Header())
	return s.sendValue(c, http.StatusOK, changed)
}

// readChange reads the body, whose fields are those named, "at" and "dry_run". What
// is not known is refused: a dry run that is misspelt must not be a change. No body
// is as good as an empty object.
func (s *memberServer) readChange(c *gin.Context, change *MemberChange, fields []string) error {
	w := s.pool.get()
	defer s.pool.put(w)
	if err := readBody(c, w, maxBody); err != nil || len(w.in) == 0 {
		return err
	}
	return w.read.Object(w.in, func(scan *pyjson.Scanner, key string) error {
		if !slices.Contains(fields, key) && key != "at" && key != "dry_run" {
			return intake.UnknownKey(key)
		}
		return scanChange(scan, key, change)
	})
}

// scanChange reads one field.
func scanChange(scan *pyjson.Scanner, key string, change *MemberChange) error {
	texts := map[string]*string{"id": &change.ID, "to": &change.ID, "instance": &change.Instance, "raft": &change.Raft}
	flags := map[string]*bool{"non_voter": &change.NonVoter, "two_voters": &change.TwoVoters, "dry_run": &change.DryRun}
	var err error
	switch kind := scan.Peek(); {
	case texts[key] != nil && kind == pyjson.KindString:
		*texts[key], err = scan.String()
	case flags[key] != nil && kind == pyjson.KindBool:
		*flags[key], err = scan.Bool()
	case key == "at" && kind == pyjson.KindNumber:
		text, failed := scan.Number()
		if failed != nil {
			return failed
		}
		if change.At, err = strconv.ParseUint(text, 10, 63); err != nil {
			return intake.WrongKind(key, "a whole number")
		}
	case texts[key] != nil:
		return intake.WrongKind(key, "a text")
	case flags[key] != nil:
		return intake.WrongKind(key, "true or false")
	default:
		return intake.WrongKind(key, "a whole number")
	}
	return err
}

// LevelSwitch puts the cluster on a level, on whichever member it is asked.
type LevelSwitch interface {
	// ActivateLevel activates a level, or the newest that all members know where level
	// is 0. A dry run changes nothing and is refused for the same reasons. A level
	// that is active already is no reason.
	ActivateLevel(ctx context.Context, level release.Level, dryRun bool) (Activation, error)
}

// Activation is what it came to, or would.
type Activation struct {
	Before  release.Level `json:"before"`  // that was active
	Level   release.Level `json:"level"`   // that is active now, or would be
	Release string        `json:"release"` // the first that knows it: no member can go back behind it
	DryRun  bool          `json:"dry_run"`
	// AppliedIndex is from where on it is active; 0 where it was, and in a dry run.
	AppliedIndex uint64        `json:"applied_index,omitempty"`
	Members      []MemberLevel `json:"members"`
}

// MemberLevel is what one member knows.
type MemberLevel struct {
	ID             string        `json:"id"`
	Version        string        `json:"version,omitempty"` // empty where it does not answer
	LevelSupported release.Level `json:"level_supported,omitempty"`
}

// activateLevel is POST /v1/cluster:activate: {"level":2}, and {} for the newest that
// all members know; with "dry_run":true nothing changes.
func (s *memberServer) activateLevel(c *gin.Context) error {
	asked, err := s.readActivation(c)
	if err != nil {
		return err
	}
	var done Activation
	err = s.notedUnlessDry(c, asked.DryRun, "level.activate", strconv.FormatUint(uint64(asked.Level), 10), func() error {
		return s.order(c, "The level may have been activated: ask again, which does no harm", func(ctx context.Context) (err error) {
			done, err = s.member.ActivateLevel(ctx, asked.Level, asked.DryRun)
			return err
		})
	})
	if err != nil {
		return err
	}
	httpcache.NoStore(c.Writer.Header())
	return s.sendValue(c, http.StatusOK, done)
}

type activationRequest struct {
	Level  release.Level `json:"level"`
	DryRun bool          `json:"dry_run"`
}

// readActivation reads the body. What is not known is refused: a dry run that is
// misspelt must not be a change. No body is as good as an empty object.
func (s *memberServer) readActivation(c *gin.Context) (asked activationRequest, err error) {
	w := s.pool.get()
	defer s.pool.put(w)
	if err := readBody(c, w, maxBody); err != nil || len(w.in) == 0 {
		return asked, err
	}
	d := json.NewDecoder(bytes.NewReader(w.in))
	d.DisallowUnknownFields()
	if err := d.Decode(&asked); err != nil {
		return asked, fmt.Errorf("%w: %w", outcome.InvalidJSON, err)
	}
	if d.More() {
		return asked, fmt.Errorf("%w: there is more behind the object", outcome.InvalidJSON)
	}
	return asked, nil
}
