//go:build !linux

package local

import "syscall"

// apart keeps what the terminal sends from the members, which this process ends itself.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
