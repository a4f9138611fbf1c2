package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const s3Scheme = "s3://"

// S3Options are how an S3-compatible server is reached. Who asks is in the usual
// environment variables (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
// AWS_SESSION_TOKEN), or in the file that AWS_SHARED_CREDENTIALS_FILE names.
type S3Options struct {
	Endpoint string // URL of the server; Amazon's when empty
	Region   string // the server is asked for it when empty
	// PathStyle puts the bucket into the path of URLs, and not before the host.
	PathStyle bool
}

const amazon = "https://s3.amazonaws.com"

// bucket keeps backups as objects under a prefix.
type bucket struct {
	client *minio.Client
	name   string
	prefix string // "" or with a slash at its end
}

func openBucket(rest string, o S3Options) (*bucket, error) {
	name, prefix, _ := strings.Cut(rest, "/")
	if name == "" {
		return nil, errors.New("backup: s3:// needs the name of a bucket: s3://bucket/prefix")
	}
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	if o.Endpoint == "" {
		o.Endpoint = amazon
	}
	at, err := url.Parse(o.Endpoint)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" || strings.Trim(at.Path, "/") != "" {
		return nil, fmt.Errorf("backup: %q is not the URL of an S3 server: http(s)://host:port", o.Endpoint)
	}
	lookup := minio.BucketLookupAuto
	if o.PathStyle {
		lookup = minio.BucketLookupPath
	}
	client, err := minio.New(at.Host, &minio.Options{
		Creds:  credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}}),
		Secure: at.Scheme == "https", Region: o.Region, BucketLookup: lookup,
	})
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return &bucket{client, name, prefix}, nil
}

// told names the server's answer, which has no secrets in it.
func (b *bucket) told(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("backup: %s s3://%s/%s: %w", what, b.name, b.prefix, err)
}

// List implements Place.
func (b *bucket) List(ctx context.Context) (names []string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // or an error would leave a goroutine behind
	for o := range b.client.ListObjects(ctx, b.name, minio.ListObjectsOptions{Prefix: b.prefix}) {
		if o.Err != nil {
			return nil, b.told("listing", o.Err)
		}
		if name := strings.TrimPrefix(o.Key, b.prefix); IsName(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Create implements Place. What is written goes to the server in parts; the object
// is there once Commit has completed them.
func (b *bucket) Create(ctx context.Context, name string) (Pending, error) {
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(ctx)
	p := &pendingObject{pipe: w, cancel: cancel, sent: make(chan error, 1)}
	go func() {
		_, err := b.client.PutObject(ctx, b.name, b.prefix+name, r, -1,
			minio.PutObjectOptions{PartSize: partSize, ContentType: "application/zstd"})
		err = b.told("writing to", err)
		r.CloseWithError(errors.Join(err, io.ErrClosedPipe))
		p.sent <- err
	}()
	return p, nil
}

// pendingObject is an object that a goroutine sends.
type pendingObject struct {
	pipe   *io.PipeWriter
	cancel context.CancelFunc
	sent   chan error // has room for what became of it
	done   bool
}

// Write implements io.Writer.
func (p *pendingObject) Write(data []byte) (int, error) { return p.pipe.Write(data) }

// Commit implements Pending.
func (p *pendingObject) Commit() error {
	p.done = true
	defer p.cancel()
	return errors.Join(p.pipe.Close(), <-p.sent)
}

var errAborted = errors.New("given up")

// Abort implements Pending. The client removes the parts that it has sent.
func (p *pendingObject) Abort() error {
	if p.done {
		return nil
	}
	p.done = true
	defer p.cancel()
	p.pipe.CloseWithError(errAborted)
	if err := <-p.sent; !errors.Is(err, errAborted) {
		return err
	}
	return nil
}

// Open implements Place.
func (b *bucket) Open(ctx context.Context, name string) (Stored, error) {
	object, err := b.client.GetObject(ctx, b.name, b.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, b.told("reading", err)
	}
	info, err := object.Stat()
	if err != nil {
		return nil, errors.Join(b.told("reading", err), object.Close())
	}
	return storedObject{object, info.Size}, nil
}

type storedObject struct {
	*minio.Object
	size int64
}

// Size implements Stored.
func (s storedObject) Size() int64 { return s.size }

// Remove implements Place.
func (b *bucket) Remove(ctx context.Context, name string) error {
	return b.told("removing from", b.client.RemoveObject(ctx, b.name, b.prefix+name, minio.RemoveObjectOptions{}))
}

// Clear implements Place.
func (b *bucket) Clear(ctx context.Context, before time.Time) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for u := range b.client.ListIncompleteUploads(ctx, b.name, b.prefix, false) {
		if u.Err != nil {
			return b.told("looking for unfinished parts in", u.Err)
		}
		if u.Initiated.Before(before) && IsName(strings.TrimPrefix(u.Key, b.prefix)) {
			if err := b.client.RemoveIncompleteUpload(ctx, b.name, u.Key); err != nil {
				return b.told("removing unfinished parts from", err)
			}
		}
	}
	return nil
}
