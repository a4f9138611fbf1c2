package misuse

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// attempts is how often the crowd as a whole begins something, a second: so often that all
// of its ways are taken many times, and so seldom that the crowd, the members and the writer
// do not fill the two cores that they share. With those full it is the machine that is measured.
const attempts = 500

// order is what a crowd is told.
type order struct {
	Clients int
	Targets []string // host:port
}

// tally is what came of it: by kind of client, how often what became of it.
type tally map[string]map[string]int

// crowd is the process of one, as whoever started it sees it.
type crowd struct {
	process *exec.Cmd
	in      io.Closer
	out     *bufio.Reader
}

// startCrowd starts one, and returns once every client has been there.
func startCrowd(o order) (*crowd, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("nice", "-n", "19", os.Args[0])
	cmd.Env = append(os.Environ(), crowdVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &crowd{cmd, in, bufio.NewReader(out)}
	if line, err := c.out.ReadString('\n'); err != nil || line != "arrived\n" {
		return nil, errors.Join(fmt.Errorf("the crowd says %q: %w", line, err), cmd.Process.Kill(), cmd.Wait())
	}
	return c, nil
}

// leave ends it.
func (c *crowd) leave() (counts tally, err error) {
	err = c.in.Close()
	return counts, errors.Join(err, json.NewDecoder(c.out).Decode(&counts), c.process.Wait())
}

// beCrowd is that process: it ends when in does.
func beCrowd(text string, in io.Reader, out io.Writer) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { _, _ = io.Copy(io.Discard, in); cancel() }()
	names := slices.Sorted(maps.Keys(ways))
	var mu sync.Mutex
	counts := tally{}
	for _, name := range names {
		counts[name] = map[string]int{}
	}
	var arrived, clients sync.WaitGroup
	for i := range o.Clients {
		name := names[i%len(names)]
		s := &stranger{id: i, target: o.Targets[i/len(names)%len(o.Targets)], pace: time.Second * time.Duration(o.Clients) / attempts,
			rng: rand.New(rand.NewPCG(1, uint64(i))),
			note: func(what string) {
				mu.Lock()
				defer mu.Unlock()
				counts[name][what]++
			}}
		arrived.Add(1)
		clients.Go(func() { s.live(ctx, ways[name], sync.OnceFunc(arrived.Done)) })
	}
	arrived.Wait()
	if _, err := fmt.Fprintln(out, "arrived"); err != nil {
		return err
	}
	clients.Wait()
	return json.NewEncoder(out).Encode(counts)
}

// stranger is one client.
type stranger struct {
	id     int
	target string
	pace   time.Duration // between two attempts, on average
	rng    *rand.Rand
	note   func(what string)
}

// address is the stranger's own: each in another network.
func (s *stranger) address() *net.TCPAddr {
	return &net.TCPAddr{IP: net.IPv4(127, byte(1+s.id%200), byte(s.id/200%250), 7)}
}

// live does the same again and again.
func (s *stranger) live(ctx context.Context, way func(context.Context, *stranger, *net.TCPConn) string, arrived func()) {
	defer arrived()
	pause(ctx, time.Duration(s.rng.Float64()*float64(s.pace)))
	for ctx.Err() == nil {
		dialer := net.Dialer{LocalAddr: s.address(), Timeout: 20 * time.Second}
		raw, err := dialer.DialContext(ctx, "tcp", s.target)
		if err == nil {
			arrived()
			stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
			if what := way(ctx, s, raw.(*net.TCPConn)); ctx.Err() == nil {
				s.note(what)
			}
			stop()
			_ = raw.Close()
		} else if ctx.Err() == nil {
			s.note("no connection")
		}
		pause(ctx, time.Duration((0.5+s.rng.Float64())*float64(s.pace)))
	}
}

func pause(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
}

// say sends, as far as the other side takes it.
func say(conn net.Conn, text string) error {
	_ = conn.SetWriteDeadline(time.Now().Add(20 * time.Second))
	_, err := io.WriteString(conn, text)
	return err
}

// hear reads an answer's first line and header, and says what it was.
func hear(in *bufio.Reader, conn net.Conn) (what string, body int) {
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	line, err := in.ReadString('\n')
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer", 0
	case err != nil || len(line) < 12:
		return "closed", 0
	}
	for {
		field, err := in.ReadString('\n')
		if err != nil || field == "\r\n" {
			return line[9:12], body
		}
		if length, is := strings.CutPrefix(field, "Content-Length: "); is {
			body, _ = strconv.Atoi(strings.TrimSpace(length))
		}
	}
}

// ask sends something whole and says how it is answered.
func ask(conn net.Conn, text string) string {
	_ = say(conn, text) // what is refused early may not be taken whole
	what, _ := hear(bufio.NewReader(conn), conn)
	return what
}
