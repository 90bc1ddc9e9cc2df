package command

import "time"

// A machine that is busy completes what there is, too, in these tests and in the processes that they start.
func init() { completionWait = time.Minute }
