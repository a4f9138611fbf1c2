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

// Kind says what faults have in common; two of a kind that needs a member's folder for
// itself are not in one round.
type Kind int

const (
	Process Kind = iota // signals
	Network
	Disk
	Damage
	Change // of members, releases and the like
	Clock
	Outside // of the cluster: witnesses and followers
)

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
		{"disk-slow", Disk, "each write and each sync of a member's disk takes 150 ms"},
		{"disk-stall", Disk, "a member's disk does not answer writes"},
		{"disk-full", Disk, "a member's disk has no room, all at once"},
		{"disk-eio-write", Disk, "a member's disk fails all writes"},
		{"disk-eio-sync", Disk, "a member's disk fails all syncs"},
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
		{"witness-gone", Outside, "a witness is killed, and comes back"},
		{"witness-forgets", Outside, "a witness loses all that it has cosigned, and comes back with the same key"},
		{"lying-upstream", Outside, "a follower that starts has an upstream first that changes amounts in blocks"},
		{"two-roots", Outside, "one member's key, and those of a majority, sign a second root of as many blocks, and show it to a witness"},
		{"clock-ahead", Clock, "a member's clock is an hour ahead"},
		{"clock-behind", Clock, "a member's clock is an hour behind"},
		{"clock-jumps", Clock, "a member's clock jumps between two hours ahead and two behind"},
	}
}

// Names are those of all faults, or of those of some kinds.
func Names(kinds ...Kind) (names []string) {
	for _, f := range Faults() {
		if len(kinds) == 0 || slices.Contains(kinds, f.Kind) {
			names = append(names, f.Name)
		}
	}
	return names
}

// Parse reads a list of names; "" is all.
func Parse(list string) ([]string, error) {
	if list == "" || list == "all" {
		return Names(), nil
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

// New draws the round of that number: one to three faults of the list, which may overlap.
func New(seed uint64, number int, length time.Duration, faults []string) Round {
	r := Round{Seed: seed, Number: number, Length: length}
	rng := rand.New(rand.NewPCG(seed, uint64(number)))
	kinds := map[string]Kind{}
	for _, f := range Faults() {
		kinds[f.Name] = f.Kind
	}
	taken := map[Kind]bool{}
	for range 1 + rng.IntN(3) {
		name := faults[rng.IntN(len(faults))]
		kind := kinds[name]
		takes := kind
		if takes == Damage {
			takes = Disk // a disk that lies and damage take what two of three members have: a majority
		}
		if taken[takes] && takes >= Disk {
			continue // one at a time: two of these would lose a majority's data, which nothing survives
		}
		taken[takes] = true
		at := calm + time.Duration(rng.Int64N(int64(length)/2))
		r.Steps = append(r.Steps, Step{
			At: at.Round(10 * time.Millisecond), Fault: name, Pick: rng.Uint64(),
			For: (length/8 + time.Duration(rng.Int64N(int64(length-at)))/2).Round(10 * time.Millisecond),
		})
	}
	slices.SortStableFunc(r.Steps, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	return r
}
