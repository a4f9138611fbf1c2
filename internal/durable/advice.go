package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Advice says what to do about an error with which the operating system refuses
// to open, read or write a file; ok is false for every other error. Such an
// error says nothing of what the file holds, so it must not pass for damage: who is
// told so throws away what is sound.
func Advice(err error) (advice string, ok bool) {
	if errors.Is(err, fs.ErrPermission) { // EACCES, EPERM
		return permission(err), true
	}
	for _, f := range [...]struct {
		number syscall.Errno
		advice string
	}{
		{syscall.EROFS, "the file system is mounted read-only: find out why (the kernel's log tells, often it is a failing disk) and mount it writable"},
		{syscall.ENOSPC, "the disk is full, or has no room for more files (df -h, df -i): make room"},
		{syscall.EDQUOT, "the disk quota of this user is used up: raise it, or make room"},
		{syscall.EFBIG, "a file would be larger than this process may write (ulimit -f), or than the file system can hold: raise the limit"},
		{syscall.EIO, "the disk reports an error of its own: look at the kernel's log and have the disk checked; what was being written may be lost"},
		{syscall.EMFILE, "this process has as many files open as it may: raise its limit (ulimit -n, LimitNOFILE= of systemd)"},
		{syscall.ENFILE, "this machine has as many files open as it may: raise the limit (sysctl fs.file-max)"},
		{syscall.ENOMEM, "the operating system has no memory left for this process: give it more, or raise its limit"},
		{syscall.ETXTBSY, "another program runs or uses the file: stop it"},
		{syscall.EBUSY, "another program uses the file: stop it"},
		{syscall.EISDIR, "a folder stands where a file belongs: something else put it there; move it away"},
		{syscall.ENOTDIR, "a file stands where a folder belongs: something else put it there; move it away"},
		{syscall.ELOOP, "symbolic links lead in a circle: mend them"},
		{syscall.ENAMETOOLONG, "the path is too long for this file system: use a shorter one"},
		{syscall.ENXIO, "the device is gone: attach and mount it again"},
		{syscall.ENODEV, "the device is gone: attach and mount it again"},
		{syscall.ESTALE, "the file server has lost the folder: mount it again; better, use a local disk"},
		{syscall.ENOTSUP, "the file system does not support an operation that is needed: use a local disk"},
		{syscall.ENOLCK, "the file system gives no locks: use a local disk"},
	} {
		if errors.Is(err, f.number) {
			return f.advice, true
		}
	}
	return "", false
}

// permission says whose the file is and who wants it.
func permission(err error) string {
	const common = "this process is not allowed to: "
	var at *fs.PathError
	if !errors.As(err, &at) {
		return common + "give the folder with everything in it to the user that runs it"
	}
	for path := at.Path; ; path = filepath.Dir(path) {
		info, err := os.Lstat(path)
		if err == nil {
			return common + fmt.Sprintf("%s has mode %04o%s; give the folder with everything in it to the user that runs this program, and to nobody else",
				path, info.Mode().Perm(), owners(info))
		}
		if path == filepath.Dir(path) {
			return common + "nothing of " + at.Path + " can be looked at"
		}
	}
}

// Passing tells that the operating system had no room for something, on the disk
// or for one more open file, which may be otherwise in a moment. Nothing is known
// to be wrong with the disk: whoever reads again what is there may try again.
func Passing(err error) bool {
	for _, number := range [...]syscall.Errno{
		syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN, syscall.EINTR,
	} {
		if errors.Is(err, number) {
			return true
		}
	}
	return false
}
