package doctor

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/release"
)

// maxLogFile bounds what a bundle has of a log that is a file: its end.
const maxLogFile = 4 << 20

func newDebugCommand(o *cli.Options) *cobra.Command {
	cmd := &cobra.Command{Use: "debug", Short: "Collect what those need who help"}
	cmd.AddCommand(newBundleCommand(o))
	return cmd
}

func newBundleCommand(o *cli.Options) *cobra.Command {
	d := &doctorOptions{Options: o}
	var logs []string
	cmd := &cobra.Command{
		Use: "bundle OUT.tar.gz", Short: "Write into one file all that bpsc doctor finds, and what it finds it by", Args: cli.ExactArgs(1),
		Example: `  bpsc debug bundle out.tar.gz --log /var/log/bpsc.log`,
		Long: `Write into one file what bpsc doctor finds, and of every node that answers its status, metrics,
settings, the last lines of its log and the stacks of its goroutines. Keys, passphrases and the
operator's secret are in none of them. OUT may be - for standard output. A member that is down
has its log in a file or a journal: --log.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := d.diagnose(cmd, func(ctx context.Context, f *facts, found *diagnosis) error {
				a, err := d.asker()
				if err != nil {
					return err
				}
				b := &bundle{asker: a, taken: f.now}
				return cli.WriteFile(args[0], cmd.OutOrStdout(), func(out io.Writer) error { return b.write(ctx, out, f, found, logs) })
			})
			if errors.Is(err, cli.ErrWarned) || errors.Is(err, cli.ErrFound) {
				return nil // the bundle is there, and says it
			}
			return err
		},
	}
	d.flags(cmd)
	cmd.Flags().StringArrayVar(&logs, "log", nil, "file with a log, of which the end is put in as well; may be repeated")
	return cmd
}

// bundle is an archive that is being written.
type bundle struct {
	asker
	taken time.Time
	tar   *tar.Writer
}

func (b *bundle) write(ctx context.Context, out io.Writer, f *facts, found *diagnosis, logs []string) error {
	zip := gzip.NewWriter(out)
	b.tar = tar.NewWriter(zip)
	if err := b.addAll(ctx, f, found, logs); err != nil {
		return err
	}
	return errors.Join(b.tar.Close(), zip.Close())
}

func (b *bundle) addAll(ctx context.Context, f *facts, found *diagnosis, logs []string) error {
	if err := b.addJSON("doctor.json", found); err != nil {
		return err
	}
	about := map[string]string{"version": release.Version, "built": runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH,
		"taken": b.taken.UTC().Format(time.RFC3339)}
	if err := b.addJSON("bundle.json", about); err != nil {
		return err
	}
	for i := range f.members {
		if err := b.addNode(ctx, &f.members[i]); err != nil {
			return err
		}
	}
	for i, path := range logs {
		text, err := endOf(path)
		if err != nil {
			text = []byte(err.Error() + "\n")
		}
		if err := b.add(fmt.Sprintf("logs/%d-%s", i+1, fileName(filepath.Base(path))), text); err != nil {
			return err
		}
	}
	return nil
}

// addNode asks a node for what its folder in the bundle holds. What it does not answer
// is told in place of the answer.
func (b *bundle) addNode(ctx context.Context, n *nodeFacts) error {
	dir := "nodes/" + fileName(n.name) + "/"
	if n.url == "" || n.down != "" {
		return b.add(dir+"down.txt", []byte(n.down+"\n"))
	}
	for _, part := range []struct{ name, path string }{
		{"ready.txt", "/readyz?verbose"}, {"cluster.json", "/v1/cluster"}, {"sync.json", "/v1/sync"},
		{"contracts.json", "/v1/contracts"}, {"metrics.txt", "/metrics"}, {"diagnostics.json", "/v1/diagnostics"},
		{"log.txt", "/v1/diagnostics/log"}, {"goroutines.txt", "/v1/diagnostics/goroutines"},
	} {
		text, err := b.text(ctx, n.url+part.path)
		if err != nil {
			text = []byte("(no answer) " + err.Error() + "\n")
		}
		if err := b.add(dir+part.name, text); err != nil {
			return err
		}
	}
	return nil
}

func (b *bundle) addJSON(name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return b.add(name, append(text, '\n'))
}

func (b *bundle) add(name string, text []byte) error {
	head := &tar.Header{Name: name, Mode: 0o600, Size: int64(len(text)), ModTime: b.taken, Format: tar.FormatPAX}
	if err := b.tar.WriteHeader(head); err != nil {
		return err
	}
	_, err := b.tar.Write(text)
	return err
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// fileName makes a name that is one in every archive.
func fileName(text string) string { return notInNames.ReplaceAllString(text, "_") }

// endOf is the end of a file.
func endOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(max(0, info.Size()-maxLogFile), io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, maxLogFile))
}
