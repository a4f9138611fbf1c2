package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/release"
)

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
	err = s.order(c, "The level may have been activated: ask again, which does no harm", func(ctx context.Context) (err error) {
		done, err = s.member.ActivateLevel(ctx, asked.Level, asked.DryRun)
		return err
	})
	if err != nil {
		return err
	}
	c.Writer.Header()[headerCache] = noStore
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
