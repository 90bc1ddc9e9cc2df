package stack

import "syscall"

// withParent makes a process end with its parent, so a test leaves no processes behind after a timeout.
func withParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
