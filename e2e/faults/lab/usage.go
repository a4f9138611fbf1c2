package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/bpsc/bpsc/e2e/faults/rules"
	"github.com/bpsc/bpsc/internal/harness"
)

// Use tells what each process uses now; Linux only.
func (w *World) Use(ctx context.Context) (all []rules.Sample, err error) {
	records := 0
	for _, c := range w.chains {
		records += len(c.order)
	}
	for _, p := range w.processes() {
		s, e := w.use(ctx, p)
		s.Records = records
		all, err = append(all, s), errors.Join(err, e)
	}
	return all, err
}

func (w *World) use(ctx context.Context, p *harness.Process) (s rules.Sample, err error) {
	s = rules.Sample{Node: p.ID, PID: p.PID(), At: w.Book.Now()}
	memory, err := p.Memory()
	if err != nil {
		return s, err
	}
	s.Memory = memory.Anonymous
	if s.Descriptors, err = descriptors(p); err != nil {
		return s, err
	}
	if s.Goroutines, err = w.goroutines(ctx, p); err != nil {
		return s, err
	}
	return s, filepath.WalkDir(p.Data, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // it has gone meanwhile
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			s.Disk += info.Size()
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return err
	})
}

// descriptors counts those that are open, but for files of the node's own folder: tables of a state
// are kept open, as many as there are, up to a bound of their own.
func descriptors(p *harness.Process) (n int, err error) {
	dir := fmt.Sprintf("/proc/%d/fd", p.PID())
	open, err := os.ReadDir(dir)
	for _, d := range open {
		to, err := os.Readlink(filepath.Join(dir, d.Name()))
		if err == nil && !strings.HasPrefix(to, p.Data+"/") { // otherwise it is closed by now
			n++
		}
	}
	return n, err
}

var goroutines = regexp.MustCompile(`(?m)^go_goroutines (\d+)$`)

// goroutines asks a node for its figures; witnesses have none where clients ask.
func (w *World) goroutines(ctx context.Context, p *harness.Process) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	resp, err := w.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	found := goroutines.FindSubmatch(text)
	if err != nil || found == nil {
		return 0, err
	}
	return strconv.Atoi(string(found[1]))
}
