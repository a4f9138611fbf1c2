package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// Place is where backups are kept, under the names that NameOf gives.
type Place interface {
	// List returns the names of the backups that are there, in the order of names.
	List(ctx context.Context) ([]string, error)
	// Create begins a backup. It is not there before Commit has returned.
	Create(ctx context.Context, name string) (Pending, error)
	// Open opens a backup. Its ReadAt and Read are not used at once.
	Open(ctx context.Context, name string) (Stored, error)
	// Remove removes a backup.
	Remove(ctx context.Context, name string) error
	// Clear removes what was begun before a time and never finished.
	Clear(ctx context.Context, before time.Time) error
}

// Pending is a backup that is being written.
type Pending interface {
	io.Writer
	// Commit gives the backup its name, once all of it is durable.
	Commit() error
	// Abort leaves nothing. After Commit it does nothing.
	Abort() error
}

// Stored is a backup that is there.
type Stored interface {
	io.ReadCloser
	io.ReaderAt
	Size() int64
}

const (
	suffix   = ".tar.zst"
	moment   = "20060102T150405.000Z" // in UTC; two backups of one kind in a millisecond have one name
	stateFmt = "state-%s" + suffix
	chainFmt = "chain-%s-%012d-%012d-%s" + suffix
)

var nameForm = regexp.MustCompile(`^(state|chain-[a-z0-9-]{1,32}-[0-9]{12,19}-[0-9]{12,19})-[0-9]{8}T[0-9]{6}\.[0-9]{3}Z\.tar\.zst$`)

// StateName is the name of a backup of a state.
func StateName(taken time.Time) string {
	return fmt.Sprintf(stateFmt, taken.UTC().Format(moment))
}

// ChainName is the name of a backup of those blocks.
func ChainName(r ChainRange, taken time.Time) string {
	return fmt.Sprintf(chainFmt, r.Token, r.From, r.Length, taken.UTC().Format(moment))
}

// IsName tells whether a file may be a backup of ours: others in a folder are left
// alone.
func IsName(name string) bool { return nameForm.MatchString(name) }

// OpenPlace opens a folder, or s3://bucket/prefix.
func OpenPlace(target string, s3 S3Options) (Place, error) {
	if rest, is := strings.CutPrefix(target, s3Scheme); is {
		return openBucket(rest, s3)
	}
	return Folder(target), nil
}

// Put writes an archive into a place: whole, under its name, or not at all.
func Put(ctx context.Context, to Place, name string, b Begin, write func(ctx context.Context, w *Writer) (Manifest, error)) (m Manifest, err error) {
	return PutStream(ctx, to, name, func(out io.Writer) (Manifest, error) {
		w, err := NewWriter(out, b)
		if err != nil {
			return Manifest{}, err
		}
		return write(ctx, w)
	})
}

// PutStream is Put for whoever writes all of the archive.
func PutStream(ctx context.Context, to Place, name string, write func(out io.Writer) (Manifest, error)) (m Manifest, err error) {
	pending, err := to.Create(ctx, name)
	if err != nil {
		return m, err
	}
	if m, err = write(pending); err != nil {
		return m, errors.Join(err, pending.Abort())
	}
	return m, pending.Commit()
}
