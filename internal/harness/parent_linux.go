package harness

import "syscall"

// dieWithParent makes the kernel end a member when the test that started it
// ends without cleaning up, such as by a time-out's panic.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
