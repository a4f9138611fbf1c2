package loadgen

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// counting is a source of numbered requests, which takes any answer.
type counting struct {
	n, last int
	check   func(status int, body []byte) error
	sent    []string
}

func (s *counting) Next() []byte {
	if s.last > 0 && s.n == s.last {
		return nil
	}
	s.n++
	s.sent = append(s.sent, fmt.Sprint(s.n))
	return fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: x\r\nN: %d\r\nContent-Length: 0\r\n\r\n", s.n)
}

func (s *counting) Check(status int, body []byte) error {
	if s.check == nil {
		return nil
	}
	return s.check(status, body)
}

// reply is an answer after a while; of status 0 it is the end of the connection.
type reply struct {
	after        time.Duration
	status       int
	header, body string
}

// server answers on the other ends of pipes.
type server func(n int, r *http.Request) reply

// piped are options by which requests go to that server, in the time of the bubble. It ends with
// the test.
func piped(t *testing.T, answer server) Options {
	var n atomic.Int64
	return Options{
		Dial: func(context.Context, int) (net.Conn, error) {
			here, there := net.Pipe()
			go func() {
				defer there.Close()
				for r := bufio.NewReader(there); ; {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					a := answer(int(n.Add(1)), req)
					select {
					case <-time.After(a.after):
					case <-t.Context().Done():
						return
					}
					if a.status == 0 {
						return
					}
					if _, err := fmt.Fprintf(there, "HTTP/1.1 %d X\r\nContent-Length: %d\r\n%s\r\n%s", a.status, len(a.body), a.header, a.body); err != nil {
						return
					}
				}
			}()
			return here, nil
		},
		Source:      func(int) Source { return &counting{} },
		Connections: 1, Duration: 10 * time.Second, Interval: 100 * time.Millisecond, Timeout: 20 * time.Second, Units: 1,
	}
}

// stalling answers after a millisecond, but for one request that takes a second.
func stalling(n int, _ *http.Request) reply {
	if n == 300 {
		return reply{after: time.Second, status: 200}
	}
	return reply{after: time.Millisecond, status: 200}
}

func slow(r *Result, than time.Duration) (n int64) {
	for _, bar := range r.Latency.counts.Distribution() {
		if time.Duration(bar.From) > than {
			n += bar.Count
		}
	}
	return n
}

func TestAnOpenLoopSeesAStallWithAllThatItKeepsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := piped(t, stalling)
		o.Rate = 100
		r, err := Run(t.Context(), o)
		require.NoError(t, err)
		require.EqualValues(t, 1000, r.Requests)
		// A request is due every 10 ms and takes 1 ms, so each that is due behind the stalled
		// one waits 9 ms less than the one before it: 990, 981, … 504.
		require.InDelta(t, 56, slow(r, 500*time.Millisecond), 1)
		require.InDelta(t, time.Second, r.Latency.Max(), float64(10*time.Millisecond))
		require.InDelta(t, time.Millisecond, r.Latency.Quantile(50), float64(10*time.Microsecond))
	})
}

func TestAClosedLoopSeesItOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := Run(t.Context(), piped(t, stalling))
		require.NoError(t, err)
		require.EqualValues(t, 1, slow(r, 500*time.Millisecond))
		require.InDelta(t, 9000, r.Requests, 2, "nothing is sent meanwhile")
	})
}

func TestTheWarmUpIsNotMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := piped(t, stalling) // the stall is within the first second
		o.Warmup = 5 * time.Second
		began, ended := time.Time{}, time.Time{}
		o.Begin, o.End = func() { began = time.Now() }, func() { ended = time.Now() }
		start := time.Now()
		r, err := Run(t.Context(), o)
		require.NoError(t, err)
		require.Zero(t, slow(r, 500*time.Millisecond))
		require.Equal(t, 5*time.Second, began.Sub(start))
		require.Equal(t, 10*time.Second, ended.Sub(began))
		require.Greater(t, r.Acknowledged, r.Units, "what was acknowledged has it too")
		require.Equal(t, 10*time.Second, r.Points[len(r.Points)-1].At)
	})
}

// A stall at the end of the warm-up leaves requests that are answered in the measured time
// and were due before: they are none of its rate, and have none of its latencies.
func TestWhatTheWarmUpLeavesBehindIsNotMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := piped(t, func(n int, r *http.Request) reply {
			if n == 10 {
				return reply{after: 951 * time.Millisecond, status: 200}
			}
			return reply{after: time.Millisecond, status: 200}
		})
		o.Rate, o.Warmup = 100, time.Second
		r, err := Run(t.Context(), o)
		require.NoError(t, err)
		require.EqualValues(t, 1000, r.Requests, "as many as were due")
		require.EqualValues(t, 1100, r.Acknowledged)
		require.Less(t, r.Latency.Max(), 200*time.Millisecond)
	})
}

func TestWhatIsDueAndCannotBeSentIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := piped(t, func(int, *http.Request) reply {
			return reply{after: 100 * time.Millisecond, status: 200}
		})
		o.Rate = 100 // and one connection takes ten
		r, err := Run(t.Context(), o)
		require.NoError(t, err)
		require.InDelta(t, 100, r.Requests, 1)
		require.InDelta(t, 900, r.Unsent, 2)
	})
}

const problem = "Content-Type: application/problem+json\r\n"

func TestARefusalForTheMomentIsSentAgainAfterTheTimeThatTheServerAsksFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		var at []time.Time
		o := piped(t, func(n int, r *http.Request) reply {
			seen, at = append(seen, r.Header.Get("N")), append(at, time.Now())
			if n <= 2 {
				return reply{time.Millisecond, 503, problem + "Retry-After: 3\r\n", `{"code":"too_busy"}`}
			}
			return reply{after: time.Millisecond, status: 200}
		})
		r, err := Run(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, []string{"1", "1", "1", "2"}, seen[:4])
		require.GreaterOrEqual(t, at[2].Sub(at[0]), 6*time.Second)
		require.Equal(t, map[string]uint64{"too_busy": 2}, r.Failures)
		require.EqualValues(t, 2, r.Retried)
		require.Zero(t, r.Unknown)
		require.Greater(t, r.Latency.Max(), 6*time.Second, "it counts from the first attempt")
	})
}

func TestWhatMayHaveHadAnEffectIsSentAgainOnlyWhereThatIsSafe(t *testing.T) {
	for _, repeatable := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var seen []string
			o := piped(t, func(n int, r *http.Request) reply {
				seen = append(seen, r.Header.Get("N"))
				switch n {
				case 1:
					return reply{time.Millisecond, 504, problem, `{"code":"outcome_unknown"}`}
				case 2:
					return reply{after: time.Millisecond} // the connection closes
				}
				return reply{after: time.Millisecond, status: 200}
			})
			o.Units, o.Repeatable = 7, repeatable
			r, err := Run(t.Context(), o)
			require.NoError(t, err)
			require.Equal(t, map[string]uint64{"outcome_unknown": 1, FailedConnection: 1}, r.Failures)
			if repeatable {
				require.Equal(t, []string{"1", "1", "1", "2"}, seen[:4])
				require.Zero(t, r.Unknown)
			} else {
				require.Equal(t, []string{"1", "2", "3", "4"}, seen[:4])
				require.EqualValues(t, 14, r.Unknown)
			}
		})
	}
}

func TestAnOpenLoopSendsNothingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		o := piped(t, func(n int, r *http.Request) reply {
			seen = append(seen, r.Header.Get("N"))
			if n == 1 {
				return reply{status: 503, header: problem + "Retry-After: 3\r\n", body: `{"code":"too_busy"}`}
			}
			return reply{status: 200}
		})
		o.Rate, o.Repeatable = 10, true
		r, err := Run(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, []string{"1", "2", "3"}, seen[:3])
		require.EqualValues(t, 99, r.Requests)
		require.Zero(t, r.Retried)
	})
}

func TestAnAnswerThatSaysWithinThatItFailedIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := piped(t, func(n int, _ *http.Request) reply {
			return reply{after: time.Millisecond, status: 200, body: fmt.Sprint(n)}
		})
		o.Source = func(int) Source {
			return &counting{check: func(_ int, body []byte) error {
				if string(body) == "1" {
					return &Failure{Code: "half", Effect: true}
				}
				return nil
			}}
		}
		r, err := Run(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, map[string]uint64{"half": 1}, r.Failures)
		require.EqualValues(t, 1, r.Unknown)
	})
}

func TestAnOverdueAnswerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := piped(t, func(n int, r *http.Request) reply {
			if n == 1 {
				return reply{after: time.Hour, status: 200}
			}
			return reply{after: time.Millisecond, status: 200}
		})
		o.Timeout = time.Second
		r, err := Run(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, map[string]uint64{FailedTimeout: 1}, r.Failures)
	})
}

func TestAWrongAnswerEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := piped(t, func(int, *http.Request) reply { return reply{status: 200, body: "nonsense"} })
		wrong := errors.New("the id is another")
		o.Source = func(int) Source { return &counting{check: func(int, []byte) error { return wrong }} }
		_, err := Run(t.Context(), o)
		require.ErrorIs(t, err, wrong)
		require.ErrorContains(t, err, "nonsense")
	})
}

func TestARunEndsWithItsSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := piped(t, func(int, *http.Request) reply {
			return reply{after: time.Second, status: 200}
		})
		o.Source = func(int) Source { return &counting{last: 3} }
		r, err := Run(t.Context(), o)
		require.NoError(t, err)
		require.EqualValues(t, 3, r.Requests)
		require.Equal(t, 3*time.Second, r.Measured)
	})
}

func TestOneWhoGivesUpWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := piped(t, func(int, *http.Request) reply {
			return reply{after: time.Hour, status: 200}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		_, err := Run(ctx, o)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 2*time.Second, time.Since(start))
	})
}

// The end of the measured time is the end of an interval, too: whichever is seen first, the last
// point is as long as the others, and its rate is one.
func TestTheLastPointIsAsLongAsTheOthers(t *testing.T) {
	for range 20 { // either may be seen first
		synctest.Test(t, func(t *testing.T) {
			o := piped(t, func(int, *http.Request) reply {
				return reply{after: time.Millisecond, status: 200}
			})
			o.Duration = time.Second
			r, err := Run(t.Context(), o)
			require.NoError(t, err)
			require.Len(t, r.Points, 10)
			for _, p := range r.Points {
				require.Equal(t, o.Interval, p.Length)
				require.InDelta(t, 1000, p.Rate, 100)
			}
		})
	}
}

func TestNothingHasNoLatency(t *testing.T) {
	l := newLatency()
	for range 2 {
		require.Zero(t, l.Quantile(50))
		require.Zero(t, l.Max())
		require.Zero(t, l.Mean())
		l.observe(time.Second)
		require.NotZero(t, l.Max())
		l.counts.Reset()
	}
}

func TestQuantilesAreRightToAThousandth(t *testing.T) {
	l := newLatency()
	for i := 1; i <= 100_000; i++ {
		l.observe(time.Duration(i) * 10 * time.Microsecond)
	}
	for _, percent := range []float64{1, 50, 99, 99.9, 100} {
		want := percent / 100 * float64(time.Second)
		require.InEpsilon(t, want, float64(l.Quantile(percent)), 0.002, "%v", percent)
	}
	l.observe(time.Hour)
	require.InEpsilon(t, float64(longest), float64(l.Max()), 0.002, "what is longer counts as the longest")
}
