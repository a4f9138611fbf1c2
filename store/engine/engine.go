// Package engine is Pebble as the store uses it: its settings, the files that it writes and
// how whole they are, and what it finds damaged or cannot do. It knows keys and values, and
// nothing of what they are of.
package engine

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// ErrCorrupt means that what was read is not what was written.
var ErrCorrupt = errors.New("stored row is not readable")

// IsCorrupt tells whether what was read is not what was written: as we find, or as Pebble does,
// which tells its listener only of tables, and of files of values whoever reads them.
func IsCorrupt(err error) bool { return errors.Is(err, ErrCorrupt) || pebble.IsCorruptionError(err) }

// carrier is all the text of an error that Pebble joins to what it finds damaged: it has details
// for programs.
const carrier = "<corruption detail carrier>"

// Sentence is err as people are told: on one line, each thing once, without what is text to no
// one. Whoever reads and whoever closes are often told of the same damage.
func Sentence(err error) error {
	if err == nil || !strings.Contains(err.Error(), "\n") {
		return err
	}
	var said []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != carrier && !slices.Contains(said, line) {
			said = append(said, line)
		}
	}
	return &sentence{err, strings.Join(said, "; ")}
}

// sentence is an error with another text.
type sentence struct {
	err  error
	text string
}

// Error implements error.
func (s *sentence) Error() string { return s.text }

// Unwrap is the error.
func (s *sentence) Unwrap() error { return s.err }

// Config says how to open a database.
type Config struct {
	// FS is the file system that the database is on.
	FS vfs.FS
	// CacheBytes bounds what Pebble keeps of what was read.
	CacheBytes int64
	// Log makes Pebble keep a write-ahead log: what Write has written is durable. Without one,
	// what Pebble has not flushed is lost in a crash, a batch as a whole.
	Log bool
	// ReadOnly opens a database that is there and changes nothing on its disk.
	ReadOnly bool
	// Tables is how many files are kept open for reading; Pebble's own number when 0.
	Tables int
	// Format is that of Pebble's files in a new database; one that is there keeps its own.
	Format pebble.FormatMajorVersion
	// FileEnd says where a file that begins with a key ends: before the key that it returns;
	// nil is no bound. Pebble asks from any of its goroutines.
	FileEnd func(first []byte) (end []byte)
	// Fatal is called, from any goroutine, when the database cannot be trusted any more, or
	// Pebble cannot go on. It must not return.
	Fatal func(error)
	// Logger gets Pebble's messages.
	Logger *slog.Logger
}

// DB is a database in a folder of its own. All of Pebble's methods may be called on it.
type DB struct {
	*pebble.DB
	dir   string
	cfg   Config
	alarm *alarm
}

// Open opens the database in a folder, a new one if there is none. A batch reaches the disk
// whole or not at all, with a log or without.
//
// What Pebble finds damaged goes to Config.Fatal, whatever read it, once Arm was called.
func Open(dir string, cfg Config) (*DB, error) {
	cache := pebble.NewCache(cfg.CacheBytes)
	defer cache.Unref()
	alarm := &alarm{fatal: cfg.Fatal}
	opts := &pebble.Options{
		Cache:                     cache,
		FS:                        watchedFS{cfg.FS, alarm},
		DisableWAL:                !cfg.Log,
		MaxOpenFiles:              cfg.Tables,
		ReadOnly:                  cfg.ReadOnly,
		MemTableSize:              memTableBytes,
		L0CompactionThreshold:     2 * flushesToMerge, // Pebble begins at half of it
		L0StopWritesThreshold:     flushesToStop,
		L0CompactionFileThreshold: filesToMerge,
		LBaseMaxBytes:             levelBytes,
		FormatMajorVersion:        cfg.Format, // higher where the database is
		Logger:                    pebbleLog{cfg.Logger, alarm},
		EventListener: &pebble.EventListener{
			DataCorruption:  func(info pebble.DataCorruptionInfo) { alarm.raise(errors.New(info.String())) },
			BackgroundError: (&retryLimit{log: cfg.Logger, alarm: alarm}).failed,
			FlushEnd:        func(info pebble.FlushInfo) { ended(cfg.Logger, "pebble flushed", info.TotalDuration) },
			CompactionEnd:   func(info pebble.CompactionInfo) { ended(cfg.Logger, "pebble compacted", info.TotalDuration) },
		},
	}
	// Large values never change: their bytes go to files of their own, which
	// compactions of the keys leave where they are.
	opts.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy {
		return pebble.ValueSeparationPolicy{
			Enabled: true, MinimumSize: separateBytes, MaxBlobReferenceDepth: 100,
			RewriteMinimumAge: time.Hour, TargetGarbageRatio: 1,
		}
	}
	opts.Experimental.SpanPolicyFunc = func(first []byte) (policy pebble.SpanPolicy, end []byte, err error) {
		return policy, cfg.FileEnd(first), nil
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBits)
		// A quarter less work than Snappy, and fewer bytes; the format of the first level has it.
		opts.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.MinLZCompression }
	}
	db, err := pebble.Open(dir, opts)
	if err != nil {
		return nil, err
	}
	return &DB{db, dir, cfg, alarm}, nil
}

// ended notes what took how long beside everything else: for who looks for the reason why
// something else was slow at that moment.
func ended(log *slog.Logger, what string, took time.Duration) { log.Debug(what, "took", took) }

// Arm lets damage be reported. Until then it is an error of who reads, but for what Pebble
// cannot go on after because of the operating system.
func (db *DB) Arm() { db.alarm.armed.Store(true) }

// Report is for damage that a reader has found: it calls Config.Fatal, once armed.
func (db *DB) Report(err error) { db.alarm.raise(err) }
