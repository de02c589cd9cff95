package compose

import "syscall"

// child keeps a terminal's Ctrl-C from a child. Only Linux can have it die with berth.
func child() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
