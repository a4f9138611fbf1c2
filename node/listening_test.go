package node

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The listener for whoever runs a node is heard on that machine alone, unless somebody
// says that everybody may read what it shows.
func TestTheAdminListenerIsOnLoopback(t *testing.T) {
	cfg := configs(t, 1)[0]
	for _, good := range []string{"", "127.0.0.1:9100", "[::1]:0", "localhost:9100"} {
		cfg.Admin = good
		require.NoError(t, cfg.Validate(), good)
	}
	for _, bad := range []string{":9100", "0.0.0.0:9100", "10.0.0.1:9100", "host.example:1", "127.0.0.1"} {
		cfg.Admin = bad
		_, err := StartMember(t.Context(), cfg)
		require.ErrorIs(t, err, ErrUsage, bad)
		require.ErrorContains(t, err, "--admin", bad)
	}
	cfg.Admin, cfg.TLS.Insecure = "0.0.0.0:9100", true
	require.NoError(t, cfg.Validate())
}
