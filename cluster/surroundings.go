package cluster

import (
	"context"
	"net"
	"time"

	"github.com/hashicorp/raft"
)

// Surroundings are the world as a member meets it where that is a simulated one. What is
// nil is the operating system's.
type Surroundings struct {
	// Listener is used instead of listening on Config.Bind.
	Listener net.Listener
	// Dial opens connections to other members.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Wall is what the wall clock shows, in unix microseconds.
	Wall func(time.Time) int64
	// LogDisk stands between the log and its file.
	LogDisk func(raft.LogStore) raft.LogStore
}

// Within is the configuration of a member in those surroundings.
func (c Config) Within(s Surroundings) Config {
	c.listener, c.dialer, c.wall, c.disk = s.Listener, s.Dial, s.Wall, s.LogDisk
	return c
}
