// Package plan draws what goes wrong in a round, and when, from a seed. A plan is plain data:
// the same seed and the same list of faults give the same plan.
package plan

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Step is one fault. Whom it strikes is settled when it comes: the leader is whoever leads.
type Step struct {
	At    time.Duration // after the beginning of the round
	For   time.Duration
	Fault string
	Pick  uint64 // which of those whom it may strike
}

func (s Step) String() string {
	return fmt.Sprintf("%5.2fs %s, for %.2fs", s.At.Seconds(), s.Fault, s.For.Seconds())
}

// Round is what goes wrong in one round.
type Round struct {
	Seed   uint64
	Number int
	Length time.Duration // everything is healed after that
	Steps  []Step
}

// Kind says what faults have in common, and what they take.
type Kind int

const (
	Process Kind = iota // signals
	Network
	Delay
	Disk
	Damage
	Change  // what operators do, and nothing of the cluster is another afterwards
	Members // who they are
	Release
	Certificate
	Restore
	Clock
	Dishonest // members
	Outside   // of the cluster: witnesses and followers
)

// single is what there is once in a round.
type single string

const (
	data     single = "a member's data" // that of two of three is a majority's, which nothing survives
	operator single = "the operator"    // does one thing after the other
	delays   single = "delays of the links"
	clock    single = "a clock that is wrong"
	outsider single = "a witness or a follower"
)

// takes is what a fault takes for itself: of two that take the same only one is in a round.
func (f Fault) takes() []single {
	switch f.Kind {
	case Disk, Damage:
		return []single{data}
	case Change, Release, Certificate, Restore:
		return []single{operator}
	case Members:
		if f.Name == "member-added" {
			return []single{operator} // the others keep what they have
		}
		return []single{operator, data}
	case Clock:
		return []single{clock}
	case Dishonest:
		return []single{operator, data, outsider} // its operator puts it right; nobody else lies, or has to believe somebody
	case Delay:
		return []single{delays}
	case Outside:
		return []single{outsider}
	case Process, Network:
	}
	return nil
}

// Fault is one that there is.
type Fault struct {
	Name string
	Kind Kind
	What string
}

// Faults are all that there are.
func Faults() []Fault {
	return []Fault{
		{"kill-leader", Process, "kill -9 of the leader"},
		{"kill-replica", Process, "kill -9 of a member that follows"},
		{"kill-majority", Process, "kill -9 of a majority at once"},
		{"kill-all", Process, "kill -9 of all members at once"},
		{"kill-follower", Process, "kill -9 of the follower"},
		{"stop-leader", Process, "SIGTERM to the leader"},
		{"pause-leader", Process, "SIGSTOP of the leader, longer than an election, then SIGCONT"},
		{"pause-replica", Process, "SIGSTOP of a member that follows, then SIGCONT"},
		{"pause-all", Process, "SIGSTOP of all members, then SIGCONT"},
		{"unplug-leader", Network, "the leader's machine is off the wire, for clients too"},
		{"cut-leader", Network, "the leader does not reach the other members, nor they it; clients reach all"},
		{"deaf-leader", Network, "nothing from the other members gets to the leader"},
		{"mute-leader", Network, "nothing from the leader gets to the other members"},
		{"split", Network, "a minority and the majority do not reach each other"},
		{"one-link", Network, "two members do not reach each other, and both reach the rest"},
		{"ring", Network, "each member reaches only its two neighbours"},
		{"flap", Network, "a member's links go and come every 200 ms"},
		{"slow", Network, "a member gets 64 KiB a second from each of the others"},
		{"lossy", Network, "a fifth of all packets to a member is lost"},
		{"delayed", Delay, "what a member gets from the others takes 100 ms longer"},
		{"delayed-all", Delay, "what members get from each other takes 30 ms longer"},
		{"disk-slow", Disk, "each write and each sync of a member's disk takes 150 ms"},
		{"disk-stall", Disk, "a member's disk does not answer writes"},
		{"disk-full", Disk, "a member's disk has no room, all at once"},
		{"disk-eio-write", Disk, "a member's disk fails all writes"},
		{"disk-eio-sync", Disk, "a member's disk fails all syncs"},
		{"disk-eio-read", Disk, "a member's disk fails all reads of what is not in memory, where nothing is at first"},
		{"disk-lies", Disk, "a member's disk says that it syncs and does not, then loses power and its newest writes"},
		{"damage-state", Damage, "a flipped bit in a file of a dead member's state"},
		{"damage-state-two", Damage, "the same on two members at one time"},
		{"damage-log", Damage, "a flipped bit in a dead member's log"},
		{"damage-tail", Damage, "the end of a dead member's log is cut off"},
		{"damage-gone", Damage, "a file of a dead member's state is gone"},
		{"damage-vote", Damage, "a flipped bit in a dead member's vote"},
		{"damage-erased", Damage, "all that a dead member has on its disk is gone, and it is replaced"},
		{"damage-journal", Damage, "a dead member's journal of what it has signed is gone"},
		{"transfer", Change, "an operator has another member lead"},
		{"backup", Change, "a backup of a member's state, and its verification"},
		{"damage-follower", Outside, "a bit is flipped in a file of a dead follower, its end is cut off, or it is gone"},
		{"witness-gone", Outside, "a witness is killed, and comes back"},
		{"witness-forgets", Outside, "a witness loses all that it has cosigned, and comes back with the same key"},
		{"forgetful-witness", Outside, "a witness forgets, and is shown a second root first, by keys of a majority, which it may cosign"},
		{"lying-upstream", Outside, "a follower that starts has an upstream first that changes amounts in blocks"},
		{"lying-checkpoint", Outside, "the same shows checkpoints with other roots, by keys of a majority and a witness"},
		{"two-roots", Outside, "one member's key, and those of a majority, sign a second root of as many blocks, and show it to a witness"},
		{"lying-member", Dishonest, "a member runs a program that lies: about amounts in blocks, balances, the root that it signs, or who has signed"},
		{"member-added", Members, "a fourth member is added, votes, and is removed again"},
		{"member-removed", Members, "a member is removed, which leaves two, and one with its id and an empty folder is added"},
		{"member-replaced", Members, "a member that runs loses its folder, and one with an empty folder takes its place"},
		{"upgrade", Release, "members are restarted one after the other by another release, the leader last, and stay with it"},
		{"rollback", Release, "an upgrade is given up after one member, or two, and they go back"},
		{"activate", Release, "an upgrade to the other release, whose level is activated: nobody goes back from then on"},
		{"certificates", Certificate, "all members get new certificates, and take them as they run"},
		{"certificate-ends", Certificate, "a member's certificates end, and it gets new ones late"},
		{"authority", Certificate, "another authority takes the place of the one by which members talk, while they run"},
		{"restore", Restore, "a backup of a member's state is restored into a cluster of its own"},
		{"clock-drifts", Clock, "a member's clock gains, or loses, four tenths of the time"},
		{"clock-ahead", Clock, "a member's clock is an hour ahead"},
		{"clock-behind", Clock, "a member's clock is an hour behind"},
		{"clock-jumps", Clock, "a member's clock jumps between two hours ahead and two behind"},
	}
}

// named is the fault of that name; one that there is not is of no kind.
func named(name string) Fault {
	for _, f := range Faults() {
		if f.Name == name {
			return f
		}
	}
	return Fault{Name: name, Kind: -1}
}

// KindOf is of which kind a fault is.
func KindOf(name string) Kind { return named(name).Kind }

// Names are those of all faults, or of those of some kinds.
func Names(kinds ...Kind) (names []string) {
	for _, f := range Faults() {
		if len(kinds) == 0 || slices.Contains(kinds, f.Kind) {
			names = append(names, f.Name)
		}
	}
	return names
}

// Parse reads a list of names; "" is all, and "none" is none.
func Parse(list string) ([]string, error) {
	switch list {
	case "", "all":
		return Names(), nil
	case "none":
		return nil, nil
	}
	names := strings.Split(list, ",")
	for _, name := range names {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("there is no fault %q; there are: %s", name, strings.Join(Names(), ", "))
		}
	}
	return names, nil
}

// calm is how long nothing goes wrong at the beginning of a round.
const calm = 300 * time.Millisecond

// New draws the round of that number: one to three faults of the list, which may overlap; of an
// empty one none.
func New(seed uint64, number int, length time.Duration, faults []string) Round {
	r := Round{Seed: seed, Number: number, Length: length}
	if len(faults) == 0 {
		return r
	}
	rng := rand.New(rand.NewPCG(seed, uint64(number)))
	taken := map[single]bool{}
	for range 1 + rng.IntN(3) {
		name := faults[rng.IntN(len(faults))]
		f := named(name)
		if slices.ContainsFunc(f.takes(), func(s single) bool { return taken[s] }) {
			continue
		}
		for _, s := range f.takes() {
			taken[s] = true
		}
		at := calm + time.Duration(rng.Int64N(int64(length)/2))
		r.Steps = append(r.Steps, Step{
			At: at.Round(10 * time.Millisecond), Fault: name, Pick: rng.Uint64(),
			For: (length/8 + time.Duration(rng.Int64N(int64(length-at)))/2).Round(10 * time.Millisecond),
		})
	}
	slices.SortStableFunc(r.Steps, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	return r
}
