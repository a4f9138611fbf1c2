package local

import "syscall"

// apart keeps what the terminal sends from the members, which this process ends itself, and
// has the kernel end them if this process dies without doing so.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
