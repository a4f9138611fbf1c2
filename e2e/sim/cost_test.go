package sim

import (
	"maps"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"
)

// TestInThisProcess runs seeds one after the other here, for -cpuprofile and -memprofile,
// and says what one costs and consists of. With BPSC_HERE=parts it also says what the parts
// of a run cost by themselves.
func TestInThisProcess(t *testing.T) {
	parts := os.Getenv("BPSC_HERE")
	if parts == "" {
		t.Skip("BPSC_HERE=1 runs it, with -cpuprofile")
	}
	collect()
	first, seeds := number(t, "BPSC_SEED", 1), number(t, "BPSC_SEEDS", 20)
	of := func(what string, change func(*plan)) (each time.Duration) {
		var sum result
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		kinds := map[string]int{}
		for seed := first; seed < first+seeds; seed++ {
			p := newPlan(seed, minute)
			change(&p)
			r := simulate(t, p)
			if len(r.Violations) > 0 {
				t.Errorf("seed %d: %q", seed, r.Violations)
			}
			sum.CPU, sum.Checking, sum.Steps, sum.Virtual = sum.CPU+r.CPU, sum.Checking+r.Checking, sum.Steps+r.Steps, sum.Virtual+r.Virtual
			for kind, n := range r.Kinds {
				kinds[kind] += n
			}
		}
		runtime.ReadMemStats(&after)
		n := time.Duration(seeds)
		t.Logf("%s: %v of a processor, %v of it for the checks in the end, %d MB in %d pieces, %d steps, %v virtual", what, (sum.CPU / n).Round(time.Millisecond),
			(sum.Checking / n).Round(100*time.Microsecond), (after.TotalAlloc-before.TotalAlloc)>>20/seeds, (after.Mallocs-before.Mallocs)/seeds, sum.Steps/int(n), (sum.Virtual / n).Round(time.Second))
		for _, kind := range slices.Sorted(maps.Keys(kinds)) {
			t.Logf("%8d %s", kinds[kind]/int(n), kind)
		}
		return sum.CPU / n
	}
	of("a run", func(*plan) {})
	if parts != "parts" {
		return
	}
	quiet := func(p *plan) { p.Members, p.Clients, p.Faults, p.Trailing, p.Followers = 3, 0, nil, 0, 0 }
	ends := of("the beginning and the end of one", func(p *plan) { quiet(p); p.Length = 0 })
	idle := of("one in which nobody asks and nothing happens", quiet)
	asked := of("one in which nothing happens", func(p *plan) { quiet(p); p.Clients = 3 })
	copied := of("one in which a follower copies", func(p *plan) { quiet(p); p.Clients, p.Followers = 3, 1 })
	t.Logf("a follower of three members, for 50 seconds: %v", copied-asked)
	t.Logf("a virtual second of three members: %v; of three clients: %v", (idle-ends)/time.Duration(minute.Seconds()), (asked-idle)/time.Duration(minute.Seconds()))
	const times = 20
	for _, kind := range []faultKind{kill, power} {
		for name, on := range map[string]int{"any member": 0, "the leader": leader} {
			each := of(string(kind)+" of "+name, func(p *plan) {
				quiet(p)
				for i := range times {
					f := fault{Kind: kind, At: time.Duration(i+1) * minute / (times + 2), For: 500 * time.Millisecond, On: on}
					if on != leader {
						f.On = i % p.Members
					}
					p.Faults = append(p.Faults, f)
				}
			})
			t.Logf("%s of %s: %v", kind, name, (each-idle)/times)
		}
	}
}
