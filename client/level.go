package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Activation is what activating a level came to, or would.
type Activation struct {
	Before  uint64        `json:"before"`  // the level that was active
	Level   uint64        `json:"level"`   // that is active now, or would be
	Release string        `json:"release"` // the first that knows it: no member can go back behind it
	DryRun  bool          `json:"dry_run"`
	Members []MemberLevel `json:"members"`
}

// MemberLevel is what one member knows.
type MemberLevel struct {
	ID             string `json:"id"`
	Version        string `json:"version"` // "" where the member does not answer
	LevelSupported uint64 `json:"level_supported"`
}

// ActivateLevel puts the cluster on a level, 0 for the newest that all members know; a
// dry run says what that would come to. It is for the operator alone: see
// Client.Token. There is no way back, and to ask twice does no harm.
func (c *Client) ActivateLevel(ctx context.Context, level uint64, dryRun bool) (a Activation, err error) {
	body, err := json.Marshal(struct {
		Level  uint64 `json:"level,omitempty"`
		DryRun bool   `json:"dry_run,omitempty"`
	}{level, dryRun})
	if err != nil {
		return a, err
	}
	answer, err := c.do(ctx, call{method: http.MethodPost, path: "/v1/cluster:activate", body: body})
	if err == nil {
		err = json.Unmarshal(answer, &a)
	}
	return a, err
}
