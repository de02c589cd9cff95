package compose

import "syscall"

// child keeps a terminal's Ctrl-C from a child, and has it die with berth.
func child() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
