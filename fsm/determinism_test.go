package fsm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// way is how a machine goes through a log. What it comes to must not depend on it.
type way struct {
	cut      func(log []logged) []logged // into other entries
	layer    int                         // bytes of a layer
	ahead    int                         // entries that a goroutine of its own prepares ahead; 0: none
	disturbs int                         // after how many entries something happens to the machine; 0: never
}

var ways = map[string]way{
	"as recorded":      {layer: 64 << 10},
	"each request":     {layer: 2 << 10, cut: alone},
	"each moment":      {layer: 16 << 10, cut: moments, ahead: 1},
	"prepared":         {layer: 64 << 10, ahead: 16},
	"prepared, torn":   {layer: 4 << 10, ahead: 16, cut: alone},
	"with disturbance": {layer: 8 << 10, ahead: 3, disturbs: 41},
}

// alone makes an entry of each request. The last one keeps the index.
func alone(log []logged) (out []logged) {
	for _, e := range log {
		for i := range max(len(e.Requests), 1) {
			one := e
			if n := len(e.Requests); n > 0 {
				one.Requests, one.Index = e.Requests[i:i+1], e.Index-uint64(n-1-i)
			}
			out = append(out, one)
		}
	}
	return out
}

// moments makes one entry of all that was asked for at one moment. It has the last index.
func moments(log []logged) (out []logged) {
	for _, e := range log {
		last := len(out) - 1
		if last < 0 || e.Micros != out[last].Micros || len(e.Voters) > 0 || len(out[last].Voters) > 0 {
			out = append(out, e)
			continue
		}
		out[last].Requests = append(slices.Clip(out[last].Requests), e.Requests...)
		out[last].Index = e.Index
	}
	return out
}

// outcome is what a machine has come to, in parts, so that a difference says where it lies.
type outcome map[string]string

// byEntry is the end of the name of a part that depends on how a log is cut into entries, as
// digests of the state do from level 2 on (store.Tx.Fold), and the indexes at which members
// came and policies began. All members have the same entries; of another cut these are not
// compared.
const byEntry = ", by entry"

// goThrough goes through a log in a way.
func goThrough(t testing.TB, log []logged, w way) outcome {
	if w.cut != nil {
		log = w.cut(log)
	}
	p := &replayer{t: t, way: w, files: vfs.NewMem(), log: log, answers: sha256.New()}
	p.open()
	for next := 0; next < len(log); next++ {
		p.apply(next, true)
		if w.disturbs > 0 && next%w.disturbs == w.disturbs-1 {
			p.disturb(next / w.disturbs)
		}
	}
	state := p.state()
	dir := "last snapshot"
	require.NoError(t, p.machine.Snapshot(context.Background(), dir))
	require.NoError(t, p.store.Close())
	p.folder++
	p.open()
	require.NoError(t, p.machine.Restore(dir))
	for part, digest := range p.state() {
		state["in the snapshot, "+part] = digest
	}
	require.NoError(t, p.store.Close())
	state["answers"] = hex.EncodeToString(p.answers.Sum(nil))
	return state
}

// replayer is a machine that goes through a log.
type replayer struct {
	t       testing.TB
	way     way
	files   vfs.FS
	folder  int
	log     []logged
	store   *store.Store
	machine *Machine
	answers hash.Hash

	prepared map[int]chan any // by entry
	upTo     int              // those before it are, or are on their way
}

func (p *replayer) open() {
	s, err := store.Open(store.Config{Dir: fmt.Sprint("state-", p.folder), LayerBytes: p.way.layer, NoteEvery: testNotes, FilterBytes: testFilter, FS: p.files})
	require.NoError(p.t, err)
	p.store, p.machine, p.prepared, p.upTo = s, New(s), map[int]chan any{}, 0
}

// apply applies an entry, and hashes the answers when somebody waits for them.
func (p *replayer) apply(i int, asked bool) {
	e := p.log[i]
	if len(e.Voters) > 0 {
		require.NoError(p.t, p.machine.Configure(e.Index, e.Voters, e.Others))
		return
	}
	result, err := p.machine.ApplyPrepared(e.Index, e.Micros, e.Requests, p.ahead(i))
	require.NoError(p.t, err)
	for n := range e.Requests {
		if answer := result(n); asked {
			require.NotNil(p.t, answer)
			sum := sha256.Sum256(answer)
			p.answers.Write(sum[:])
		}
	}
}

// ahead is what was prepared of an entry, while the entries before it were applied.
func (p *replayer) ahead(i int) any {
	if p.way.ahead == 0 {
		return nil
	}
	for p.upTo = max(p.upTo, i); p.upTo < min(i+p.way.ahead, len(p.log)); p.upTo++ {
		requests, there, machine := p.log[p.upTo].Requests, make(chan any, 1), p.machine
		p.prepared[p.upTo] = there
		go func() { there <- machine.Prepare(requests) }()
	}
	ahead := <-p.prepared[i]
	delete(p.prepared, i)
	return ahead
}

// disturb restarts a machine, crashes it, or has it go on from its own snapshot.
func (p *replayer) disturb(n int) {
	for _, there := range p.prepared {
		<-there
	}
	switch n % 4 {
	case 0:
		require.NoError(p.t, p.store.Sync(context.Background()))
		p.prepared, p.upTo = map[int]chan any{}, 0
		return
	case 1:
		require.NoError(p.t, p.store.Close())
	case 2:
		require.NoError(p.t, p.store.Abandon())
	case 3:
		dir := fmt.Sprint("snapshot-", n)
		require.NoError(p.t, p.machine.Snapshot(context.Background(), dir))
		require.NoError(p.t, p.store.Close())
		p.folder++
		p.open()
		require.NoError(p.t, p.machine.Restore(dir))
		return
	}
	applied := p.store.AppliedIndex()
	p.open()
	for i := range p.log { // as raft would, what the store lacks
		if at := p.log[i].Index; at > p.store.AppliedIndex() && at <= applied {
			p.apply(i, false)
		}
	}
}

// state is all that a machine's store holds, which is opened anew for it.
func (p *replayer) state() outcome {
	require.NoError(p.t, p.store.Close())
	p.open()
	s, out := p.store, outcome{}
	put := func(part string, write func(to hash.Hash) error) {
		sum := sha256.New()
		require.NoError(p.t, write(sum))
		out[part] = hex.EncodeToString(sum.Sum(nil))
	}
	put("cluster", func(to hash.Hash) error {
		nodes, _ := s.Nodes("", MaxContracts)
		policies, _ := s.Policies()
		var begun []store.Policy
		for _, p := range policies {
			begun = append(begun, *p)
			begun[len(begun)-1].Index = 0
		}
		members := s.Members()
		for id, m := range members {
			m.Since = min(m.Since, 1)
			members[id] = m
		}
		fmt.Fprintln(to, s.AppliedIndex(), s.Time(), s.Level(), nodes)
		return json.NewEncoder(to).Encode([]any{members, begun})
	})
	put("cluster"+byEntry, func(to hash.Hash) error {
		policies, _ := s.Policies()
		return json.NewEncoder(to).Encode([]any{s.Configured(), s.Members(), policies})
	})
	put("operators", func(to hash.Hash) error {
		tokens, err := json.Marshal(s.Tokens())
		notes, _ := s.AuditLog(0, 1000)
		fmt.Fprintln(to, string(tokens), notes)
		return err
	})
	for _, info := range s.Contracts() {
		token := info.Contract.Token
		put(token+": blocks", func(to hash.Hash) error {
			fmt.Fprintf(to, "%+v\n", info)
			return s.BlocksHashed(token, 1, 0, func(_ uint64, canonical []byte, hash chain.Hash) error {
				to.Write(canonical)
				to.Write(hash[:])
				return nil
			})
		})
		put(token+": digests of the state"+byEntry, func(to hash.Hash) error {
			for index := range info.Length {
				digest, err := s.Digest(token, index+1)
				if err != nil && !errors.Is(err, chain.NotFound) { // it is kept of blocks by which something has changed
					return err
				}
				to.Write(digest[:])
			}
			return nil
		})
		put(token+": accounts", func(to hash.Hash) error {
			return s.Accounts(token, func(name string, a chain.Account) error {
				fmt.Fprintf(to, "%q: %s\n", name, describe(a))
				return nil
			})
		})
		put(token+": holds", func(to hash.Hash) error {
			return s.Holds(token, func(id chain.ID, h chain.HoldState) error {
				fmt.Fprintln(to, id, h)
				return nil
			})
		})
		put(token+": ids", func(to hash.Hash) error {
			return s.Decided(token, func(id chain.ID, at store.Placement) error {
				fmt.Fprintln(to, id, at)
				return nil
			})
		})
		put(token+": pending and attested", func(to hash.Hash) error {
			pending, err := s.Pending(token)
			said, _, more := s.Attestations(token)
			for i := range pending {
				to.Write(chain.AppendRecord(nil, &pending[i], info.Contract.Decimals))
			}
			fmt.Fprintln(to, said)
			return errors.Join(err, more)
		})
	}
	return out
}

// requireSameOutcome compares what two machines have come to, w being the second's way.
func requireSameOutcome(t testing.TB, want, got outcome, w way) {
	t.Helper()
	require.NotEmpty(t, want)
	for part, sum := range want {
		if w.cut == nil || !strings.HasSuffix(part, byEntry) {
			require.Equal(t, sum, got[part], part)
		}
	}
	require.Len(t, got, len(want))
}

// The variables by which a process is told to replay a log, and in which way; and other
// programs that are this one: NAME=COMMAND, separated by semicolons.
const (
	replayLog      = "BPSC_REPLAY"
	replayWay      = "BPSC_REPLAY_WAY"
	replayPrograms = "BPSC_REPLAY_PROGRAMS"
	replayMoments  = "BPSC_REPLAY_MOMENTS"
	replayed       = "replayed: "
)

// TestReplay is a process of TestTheSameLogComesToTheSame's.
func TestReplay(t *testing.T) {
	path := os.Getenv(replayLog)
	if path == "" {
		t.Skip("it replays what another test has recorded")
	}
	log, err := readLog(path)
	require.NoError(t, err)
	w, known := ways[os.Getenv(replayWay)]
	require.True(t, known)
	text, err := json.Marshal(goThrough(t, log, w))
	require.NoError(t, err)
	fmt.Printf("%s%s\n", replayed, text)
}

// A log comes to the same, byte for byte, whoever goes through it: by one processor or
// eight, cut into other entries, prepared or not, with crashes and snapshots in between, and,
// where scripts/determinism.sh has built them, on another architecture, under the race
// detector and by another version.
func TestTheSameLogComesToTheSame(t *testing.T) {
	t.Parallel()
	seed, length := uint64(20261129), 120
	if testing.Short() {
		length = 20
	}
	for name, set := range map[string]func(n uint64){"BPSC_SEED": func(n uint64) { seed = n }, replayMoments: func(n uint64) { length = int(n) }} {
		if text := os.Getenv(name); text != "" {
			n, err := strconv.ParseUint(text, 10, 32)
			require.NoError(t, err, name)
			set(n)
		}
	}
	c := chronicle(t, seed, length)
	path := filepath.Join(t.TempDir(), "log")
	require.NoError(t, writeLog(path, c.log))
	want := goThrough(t, c.log, ways["as recorded"])
	t.Logf("seed %d: %d entries; %d parts to compare", seed, len(c.log), len(want))

	self, err := os.Executable()
	require.NoError(t, err)
	programs := map[string][]string{runtime.GOARCH: {self}}
	for one := range strings.SplitSeq(os.Getenv(replayPrograms), ";") {
		if name, command, ok := strings.Cut(one, "="); ok {
			programs[name] = strings.Fields(command)
		}
	}
	for program, command := range programs {
		for name := range ways {
			for _, processors := range []string{"1", "8"} {
				if testing.Short() && processors == "1" {
					continue // it is the race detector that runs these, and finds nothing there
				}
				t.Run(fmt.Sprintf("%s, %s, GOMAXPROCS %s", program, name, processors), func(t *testing.T) {
					cmd := exec.CommandContext(t.Context(), command[0], append(command[1:], "-test.run=^TestReplay$", "-test.v")...)
					cmd.Env = append(os.Environ(), "GOMAXPROCS="+processors, replayLog+"="+path, replayWay+"="+name)
					said, err := cmd.CombinedOutput()
					require.NoError(t, err, "%s", said)
					_, text, found := strings.Cut(string(said), replayed)
					require.True(t, found, "%s", said)
					var got outcome
					require.NoError(t, json.NewDecoder(strings.NewReader(text)).Decode(&got))
					requireSameOutcome(t, want, got, ways[name])
				})
			}
		}
	}
}

// A machine that comes to something else is found, whatever it is.
func TestAnotherOutcomeIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("random cases, dear under the race detector")
	}
	t.Parallel()
	c := chronicle(t, 7, 40)
	want := goThrough(t, c.log, ways["as recorded"])
	for name, change := range map[string]func(log []logged) []logged{
		"one entry less": func(log []logged) []logged { return log[:len(log)-1] },
		"another time": func(log []logged) []logged {
			log[len(log)-1].Micros++
			return log
		},
		"another order": func(log []logged) []logged {
			for i := len(log) - 1; ; i-- {
				if r := log[i].Requests; len(r) > 1 {
					log[i].Requests = slices.Clone(r)
					slices.Reverse(log[i].Requests)
					return log
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := goThrough(t, change(slices.Clone(c.log)), ways["as recorded"])
			require.NotEqual(t, want, got)
		})
	}
}
