package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// plan is what a run goes by, made from a seed. It is plain data: a failing one shrinks,
// and becomes an entry of a table.
type plan struct {
	Seed    uint64
	Members int
	Clients int
	Length  time.Duration // of the part with faults
	Lossy   int           // of a thousand requests of clients, and of answers, that are lost
	// A member takes a snapshot after so many entries of the log, and keeps as many; 0: it
	// keeps all.
	Trailing int
	Attests  bool // members sign checkpoints
	// Followers are nodes that keep copies of the chains.
	Followers int
	Faults    []fault
}

// fault is one, and how long it lasts.
type fault struct {
	Kind faultKind
	At   time.Duration // since the faults began
	For  time.Duration
	On   int // the member; leader: whoever leads then
	To   int // of a link the other member; of what comes amid a commit, after how many steps
}

func (f fault) String() string {
	return fmt.Sprintf("{%q, %d, %d, %d, %d}", string(f.Kind), f.At, f.For, f.On, f.To)
}

// ofFollower tells whether it is not a member's.
func (f fault) ofFollower() bool {
	return f.Kind == followerKill || f.Kind == followerPower || f.Kind == followerAlone
}

// leader is whoever leads when a fault comes.
const leader = -1

type faultKind string

const (
	kill     faultKind = "kill"       // of the process
	power    faultKind = "power"      // of the host: what is not synced may be gone
	killAll  faultKind = "kill all"   // processes at once
	powerAll faultKind = "power all"  // hosts at once
	killAmid faultKind = "kill amid"  // some steps after a member was asked to order something
	cutAmid  faultKind = "power amid" // likewise
	alone    faultKind = "alone"      // the member reaches nobody, and nobody it
	deaf     faultKind = "deaf"       // nothing reaches it
	mute     faultKind = "mute"       // nothing of it reaches anybody
	link     faultKind = "link"       // two members do not reach each other
	flap     faultKind = "flap"       // alone, now and again
	lag      faultKind = "lag"        // what the member sends is late
	diskLag  faultKind = "disk lag"   // writes to its log are slow
	diskHang faultKind = "disk hang"  // they do not end
	diskFail faultKind = "disk fail"  // they fail
	clock    faultKind = "clock"      // its wall clock is wrong
	away     faultKind = "away"       // clients do not reach it
	frozen   faultKind = "frozen"     // alone, its disk hangs, and clients do not reach it
	rotLog   faultKind = "rot log"    // it is killed, and a bit flips in its log, its vote, or what else is beside
	rotState faultKind = "rot state"  // likewise in its state
	lie      faultKind = "lie"        // its disk keeps nothing, says it does, and its host loses power

	// An operator has On have To lead; anyVoter: whoever lags least.
	handOver faultKind = "hand over"

	// Of the members (changes_test.go): On says which.
	addMember     faultKind = "add member" // the one that is not there at the beginning
	removeMember  faultKind = "remove member"
	replaceMember faultKind = "replace member" // it has lost its disk

	// Of followers: On says which.
	followerKill  faultKind = "follower kill"
	followerPower faultKind = "follower power"
	followerAlone faultKind = "follower alone"
)

var faultKinds = []faultKind{kill, power, killAll, powerAll, killAmid, cutAmid, killAmid, cutAmid, alone, deaf, mute, link, flap, lag, diskLag, diskHang, diskFail, clock, away, frozen, rotLog, rotState, lie}

// newPlan draws a plan. Faults overlap: about as many are under way at once as a cluster
// of three can take, and now and then more.
func newPlan(seed uint64, length time.Duration) plan {
	r := rand.New(rand.NewPCG(seed, 0x70_6c_61_6e))
	p := plan{Seed: seed, Members: 3, Clients: 2 + r.IntN(3), Length: length, Lossy: []int{0, 10, 50}[r.IntN(3)]}
	if r.IntN(8) == 0 {
		p.Members = 5
	}
	if r.IntN(2) == 0 {
		p.Trailing = 5 + r.IntN(40)
	}
	p.Attests = r.IntN(4) == 0
	const quiet = 2 * time.Second         // in which all come together again
	busy := time.Duration(0)              // until then there are faults
	few := make([]faultKind, 1+r.IntN(5)) // a run has faults of some kinds, often
	for i := range few {
		few[i] = faultKinds[r.IntN(len(faultKinds))]
	}
	for at := time.Duration(r.Int64N(int64(3 * time.Second))); at < length; at += time.Duration(r.Int64N(int64(6 * time.Second))) {
		f := fault{Kind: few[r.IntN(len(few))], At: at, On: r.IntN(p.Members)}
		f.To = (f.On + 1 + r.IntN(p.Members-1)) % p.Members
		if f.Kind == killAmid || f.Kind == cutAmid {
			f.To = 1 + r.IntN(30)
		}
		if f.Kind != link && r.IntN(2) == 0 {
			f.On = leader
		}
		// Short ones mostly: while nobody can lead nothing happens but that members look for
		// each other, which costs the most and finds the least.
		part := r.Float64()
		f.For = min(50*time.Millisecond+time.Duration(part*part*float64(8*time.Second)), length-at)
		if f.Kind == lie { // by itself, see simulation.lie
			f.At, f.For = max(f.At, busy+quiet), 2*meets+time.Duration(part*float64(4*time.Second))
			if f.At+f.For > length {
				break
			}
			at = f.At + f.For + quiet
		}
		busy = max(busy, f.At+f.For)
		p.Faults = append(p.Faults, f)
	}
	p.addFollowers(rand.New(rand.NewPCG(seed, 0x66_6f_6c)))
	p.addHandovers(rand.New(rand.NewPCG(seed, 0x68_61_6e)))
	p.addChanges(rand.New(rand.NewPCG(seed, 0x6d_65_6d)))
	return p
}

// addChanges draws those of plans in which members sign, without which no change is final, and no disk lies or rots: who loses one is to be the only one.
func (p *plan) addChanges(r *rand.Rand) {
	damaged := p.has(lie) || p.has(rotLog) || p.has(rotState)
	if !p.Attests || damaged {
		return
	}
	at, of := time.Duration(r.Int64N(int64(8*time.Second))), p.Members
	add := func(kind faultKind, on int) { p.Faults = append(p.Faults, fault{Kind: kind, At: at, On: on}) }
	if p.Members == 3 && r.IntN(3) > 0 {
		add(addMember, p.Members)
		of++
		at += 8*time.Second + time.Duration(r.Int64N(int64(12*time.Second)))
	}
	if of > 3 && r.IntN(3) > 0 {
		add(removeMember, r.IntN(of))
		at += 8*time.Second + time.Duration(r.Int64N(int64(10*time.Second)))
	}
	if r.IntN(2) == 0 || of == 3 {
		add(replaceMember, r.IntN(p.Members))
	}
}

// has tells whether a fault is in the plan; "" is in each.
func (p plan) has(kind faultKind) bool {
	return kind == "" || slices.ContainsFunc(p.Faults, func(f fault) bool { return f.Kind == kind })
}

// all is how many members there may be.
func (p plan) all() int {
	if p.has(addMember) {
		return p.Members + 1
	}
	return p.Members
}

// addHandovers draws those of a third of the plans. They overlap with what else happens, now
// and then with each other.
func (p *plan) addHandovers(r *rand.Rand) {
	if r.IntN(3) > 0 {
		return
	}
	for at := time.Duration(r.Int64N(int64(5 * time.Second))); at < p.Length; at += time.Duration(r.Int64N(int64(12 * time.Second))) {
		f := fault{Kind: handOver, At: at, On: r.IntN(p.Members), To: r.IntN(p.Members+1) - 1}
		if r.IntN(2) == 0 {
			f.On = leader
		}
		p.Faults = append(p.Faults, f)
	}
}

// hosts are the names of all that are in the network: members first.
func (p plan) hosts() (names []string) {
	for i := range p.all() {
		names = append(names, memberName(i))
	}
	for i := range p.Followers {
		names = append(names, followerName(i))
	}
	return names
}

// addFollowers draws those of a quarter of the plans, and what happens to them.
func (p *plan) addFollowers(r *rand.Rand) {
	if r.IntN(4) > 0 {
		return
	}
	p.Followers = 1 + r.IntN(5)/4
	for at := time.Duration(r.Int64N(int64(5 * time.Second))); at < p.Length; at += time.Duration(r.Int64N(int64(15 * time.Second))) {
		kinds := []faultKind{followerKill, followerPower, followerPower, followerAlone}
		f := fault{Kind: kinds[r.IntN(len(kinds))], At: at, On: r.IntN(p.Followers)}
		part := r.Float64()
		f.For = min(50*time.Millisecond+time.Duration(part*part*float64(8*time.Second)), p.Length-at)
		p.Faults = append(p.Faults, f)
	}
}
