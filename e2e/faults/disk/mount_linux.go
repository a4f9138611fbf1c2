package disk

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Mounted is a disk in its place.
type Mounted struct {
	*Disk
	server *fuse.Server
	root   *node
	dir    string
}

// Mount puts a disk at dir, whose files are in the folder below.
func Mount(dir, below string) (*Mounted, error) {
	d := NewDisk()
	root := &fs.LoopbackRoot{Path: below}
	var st syscall.Stat_t
	if err := syscall.Stat(below, &st); err != nil {
		return nil, err
	}
	root.Dev = st.Dev
	first := &node{&fs.LoopbackNode{RootData: root}, d}
	root.RootNode = first
	always := time.Duration(0) // the kernel asks each time: Power changes sizes behind its back
	server, err := fs.Mount(dir, first, &fs.Options{
		AttrTimeout: &always, EntryTimeout: &always, NullPermissions: true,
		MountOptions: fuse.MountOptions{DirectMount: true, AllowOther: true, FsName: below, Name: "bpsc-faults", MaxBackground: 64,
			// What changes behind the kernel's back is said to it (Power). Otherwise it would ask
			// for a file's size before each read, of what it has in memory, too: a member that
			// starts reads tens of thousands of times, and each took its turn with all others.
			ExplicitDataCacheControl: true},
	})
	if err != nil {
		return nil, fmt.Errorf("mount %s: %w", dir, err)
	}
	return &Mounted{d, server, first, dir}, nil
}

// Forget has the kernel forget what it has read: the next read asks the disk.
func (m *Mounted) Forget() { forget(m.root.EmbeddedInode()) }

func forget(of *fs.Inode) {
	for _, child := range of.Children() {
		_ = child.NotifyContent(0, 0) // where that fails the kernel knows nothing of it
		forget(child)
	}
}

// Close takes the disk away; nothing may use it any more.
func (m *Mounted) Close() error {
	m.Set(Fault{})
	return syscall.Unmount(m.dir, syscall.MNT_DETACH)
}

// node is a file or a folder.
type node struct {
	*fs.LoopbackNode
	disk *Disk
}

var (
	_ fs.NodeWrapChilder = (*node)(nil)
	_ fs.NodeOpener      = (*node)(nil)
	_ fs.NodeCreater     = (*node)(nil)
	_ fs.NodeSetattrer   = (*node)(nil)
	_ fs.NodeStatfser    = (*node)(nil)
	_ fs.NodeMkdirer     = (*node)(nil)
)

// WrapChild makes what is found below one of ours.
func (n *node) WrapChild(_ context.Context, below fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{below.(*fs.LoopbackNode), n.disk}
}

func (n *node) path() string {
	return filepath.Join(n.RootData.Path, n.Path(n.Root()))
}

// Open leaves what the kernel has read of the file in its memory, as that of a disk is.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	f, flags, errno := n.LoopbackNode.Open(ctx, flags)
	return n.wrap(f), flags | fuse.FOPEN_KEEP_CACHE, errno
}

func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.disk.pass(ctx, write); errno != 0 {
		return nil, nil, 0, errno
	}
	child, f, flags, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	if errno != 0 {
		return nil, nil, 0, errno
	}
	return child, child.Operations().(*node).wrap(f), flags, 0
}

func (n *node) wrap(f fs.FileHandle) fs.FileHandle {
	if below, is := f.(*fs.LoopbackFile); is {
		return &file{below, n}
	}
	return f
}

func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.disk.pass(ctx, write); errno != 0 {
		return nil, errno
	}
	return n.LoopbackNode.Mkdir(ctx, name, mode, out)
}

// Setattr is told of changes of the size, too.
func (n *node) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, is := in.GetSize(); is {
		if errno := n.disk.pass(ctx, write); errno != 0 {
			return errno
		}
		if n.disk.lies() {
			if errno := n.disk.remember(n.path(), n, int64(size), 1<<40); errno != 0 {
				return errno
			}
		}
	}
	if own, is := f.(*file); is {
		f = own.below
	}
	return n.LoopbackNode.Setattr(ctx, f, in, out)
}

func (n *node) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if own, is := f.(*file); is {
		f = own.below
	}
	return n.LoopbackNode.Getattr(ctx, f, out)
}

func (n *node) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	errno := n.LoopbackNode.Statfs(ctx, out)
	if n.disk.full() {
		out.Bavail, out.Bfree = 0, 0
	}
	return errno
}

// Fsync is that of a folder, as of a file.
func (n *node) Fsync(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno {
	if own, is := f.(*file); is {
		return own.Fsync(ctx, flags)
	}
	if errno := n.disk.pass(ctx, fsync); errno != 0 || n.disk.lies() {
		return errno
	}
	return 0 // what is in the folder below survives all that we do to processes
}

// file is one that is open. It has no way past us for the kernel.
type file struct {
	below *fs.LoopbackFile
	node  *node
}

func (f *file) Read(ctx context.Context, buf []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if errno := f.node.disk.unread(); errno != 0 {
		return nil, errno
	}
	return f.below.Read(ctx, buf, off)
}

func (f *file) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	if errno := f.node.disk.pass(ctx, write); errno != 0 {
		return 0, errno
	}
	if f.node.disk.lies() {
		if errno := f.node.disk.remember(f.node.path(), f.node, off, int64(len(data))); errno != 0 {
			return 0, errno
		}
	}
	return f.below.Write(ctx, data, off)
}

func (f *file) Fsync(ctx context.Context, flags uint32) syscall.Errno {
	if errno := f.node.disk.pass(ctx, fsync); errno != 0 || f.node.disk.lies() {
		return errno
	}
	return f.below.Fsync(ctx, flags)
}

func (f *file) Allocate(ctx context.Context, off, size uint64, mode uint32) syscall.Errno {
	if errno := f.node.disk.pass(ctx, write); errno != 0 {
		return errno
	}
	return f.below.Allocate(ctx, off, size, mode)
}

func (f *file) Flush(ctx context.Context) syscall.Errno   { return f.below.Flush(ctx) }
func (f *file) Release(ctx context.Context) syscall.Errno { return f.below.Release(ctx) }

func (f *file) Lseek(ctx context.Context, off uint64, whence uint32) (uint64, syscall.Errno) {
	return f.below.Lseek(ctx, off, whence)
}
