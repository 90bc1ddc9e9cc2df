package stack

import "syscall"

// withParent makes a process end with the one that started it: a test that times out leaves nothing behind.
func withParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
