package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// A batch of 10,000 that is sent again, as after a 504, costs about what it did
// when it was new, although its records are in a block of 3 MB by now; and it
// keeps nobody else waiting. It once took a minute, in which reads and writes of
// others failed.
func TestABatchThatIsSentAgain(t *testing.T) {
	c := startCluster(t, harness.Options{})
	var items []string
	for i := range 10_000 {
		items = append(items, fmt.Sprintf(`{"sender":"a-%d","recipient":"b-%d","amount":1,"key":"item-%d"}`, i%1000, i%777, i))
	}
	timed := func(m *harness.Member) (results []result, took time.Duration) {
		begun := time.Now()
		results = sendBatch(t, m, items)
		return results, time.Since(begun)
	}
	first, fresh := timed(c.Members[0])
	settle(t, c, "")

	done := make(chan struct{})
	var slowest time.Duration
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			begun := time.Now()
			a, err := getText(t.Context(), client, c.Members[1].URL+"/v1/transactions/"+first[5000].ID)
			if err != nil {
				t.Errorf("%s %v", a, err)
				return
			}
			slowest = max(slowest, time.Since(begun))
		}
	})
	for _, m := range c.Members {
		again, took := timed(m)
		for i, r := range again {
			if !r.Replay || r.ID != first[i].ID || r.Block != first[i].Block || r.Position != first[i].Position {
				t.Fatalf("item %d was answered with %+v, and then with %+v", i, first[i], r)
			}
		}
		t.Logf("10,000 took %s when they were new, %s sent again to %s", fresh, took, m.ID)
		if took > 10*fresh+time.Second {
			t.Errorf("10,000 took %s when they were new, %s sent again to %s", fresh, took, m.ID)
		}
	}
	close(done)
	reader.Wait()
	t.Logf("the slowest read meanwhile took %s", slowest)
	if slowest > 3*time.Second {
		t.Errorf("a read took %s meanwhile", slowest)
	}
	must(t, http.StatusOK, http.MethodGet, c.Members[2].URL+"/v1/transactions/"+first[9999].ID, "")
}
