package command

import "time"

// These tests, and the processes they start, wait longer for completions, because the machine may be busy.
func init() { completionWait = time.Minute }
