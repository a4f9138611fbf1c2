// Package imports holds the rule by which the packages of this module import
// each other, and that the state machine takes nothing from outside its input.
// It is all tests. Which folder may import which is the table in CONTRIBUTING.md;
// this file has what is finer than that.
package imports

// module is the path of this module.
const module = "github.com/bpsc/bpsc"

// inside lists, for folders whose packages have an order of their own, what each of
// them may import of the others. The package above all of them puts them together and
// imports any.
var inside = map[string][]string{
	"api/access":     {},
	"api/admission":  {},
	"api/openapi":    {},
	"api/jsonobject": {},
	"api/page":       {},
	"api/cors":       {},
	"api/cursor":     {},
	"api/query":      {},
	"api/httpcache":  {"api/query"},
	"api/edge":       {"api/admission"},
	"api/stream":     {"api/admission"},
	"api/events":     {"api/admission", "api/cursor", "api/jsonobject", "api/stream"},
	"api/problem":    {"api/access", "api/edge", "api/openapi"},
	"api/decision":   {"api/jsonobject", "api/problem"},

	"cluster/clock":       {},
	"cluster/membership":  {},
	"cluster/health":      {},
	"cluster/vacancy":     {},
	"cluster/datadir":     {},
	"cluster/queue":       {},
	"cluster/events":      {"cluster/membership"},
	"cluster/entry":       {"cluster/queue"},
	"cluster/groupcommit": {"cluster/clock", "cluster/entry", "cluster/health", "cluster/peer", "cluster/queue"},
	"cluster/snapshot":    {"cluster/datadir"},
	"cluster/raftlog":     {"cluster/datadir", "cluster/health"},
	"cluster/roster":      {"cluster/membership", "cluster/raftlog"},
	"cluster/memory":      {"cluster/datadir", "cluster/health"},
	"cluster/port":        {"cluster/datadir", "cluster/memory"},
	"cluster/replica":     {"cluster/datadir", "cluster/entry", "cluster/health", "cluster/queue", "cluster/raftlog", "cluster/snapshot"},
	"cluster/transport":   {"cluster/health", "cluster/memory", "cluster/port", "cluster/roster", "cluster/snapshot"},
	"cluster/peer":        {"cluster/health", "cluster/queue"},
	"cluster/status":      {"cluster/clock", "cluster/health", "cluster/membership", "cluster/peer", "cluster/port"},
	"cluster/reconfig":    {"cluster/datadir", "cluster/groupcommit", "cluster/membership", "cluster/port", "cluster/raftlog", "cluster/roster", "cluster/status", "cluster/transport"},

	"store/engine":    {},
	"store/folder":    {},
	"store/keys":      {},
	"store/holds":     {},
	"store/hashtable": {"store/keys"},
	"store/filter":    {"store/keys"},
	"store/blocks":    {"store/engine", "store/keys"},
	"store/history":   {"store/engine", "store/keys", "store/blocks"},

	"node/metrics": {},
	"node/folder":  {},
	"node/repair":  {"node/folder"},

	"cmd/bpsc/internal/cli":       {},
	"cmd/bpsc/internal/settings":  {"cmd/bpsc/internal/cli"},
	"cmd/bpsc/internal/serve":     {"cmd/bpsc/internal/cli", "cmd/bpsc/internal/settings"},
	"cmd/bpsc/internal/contexts":  {"cmd/bpsc/internal/cli"},
	"cmd/bpsc/internal/ledger":    {"cmd/bpsc/internal/cli"},
	"cmd/bpsc/internal/chains":    {"cmd/bpsc/internal/cli"},
	"cmd/bpsc/internal/operate":   {"cmd/bpsc/internal/cli"},
	"cmd/bpsc/internal/provision": {"cmd/bpsc/internal/cli"},
	"cmd/bpsc/internal/backups":   {"cmd/bpsc/internal/cli", "cmd/bpsc/internal/chains"},
	"cmd/bpsc/internal/doctor":    {"cmd/bpsc/internal/cli", "cmd/bpsc/internal/backups"},
	"cmd/bpsc/internal/local":     {"cmd/bpsc/internal/cli"},
	"cmd/bpsc/internal/bench":     {"cmd/bpsc/internal/cli", "cmd/bpsc/internal/local"},
	"cmd/bpsc/internal/trial":     {"cmd/bpsc/internal/cli", "cmd/bpsc/internal/local"},
}

// standalone packages import nothing of this module at all.
var standalone = []string{
	// What checks the product must not share its mistakes.
	module + "/e2e/verify",
	module + "/e2e/receipt",
}

// impure lists what the packages that every replica must compute alike may not
// import: the world outside their input.
var impure = []string{
	"crypto/rand", "math/rand", "math/rand/v2", "net", "net/http", "os", "os/exec",
}

// pure lists the top-level folders to which that applies.
var pure = []string{"chain", "command", "fsm"}
