package system

import (
	"time"

	"plumbline.dev/bus/topology"
)

// queue is a stream whose messages wait for a service.
type queue struct {
	stream, service, about string
	late                   time.Duration // a message that waits longer is a problem
}

// queues lists the queues in the order of a poll. A call of a scoring API may take minutes with its
// retries, and so may an action.
var queues = []queue{
	{topology.PostureBatches, "fetcher", "pages to ask a scoring API for", 5 * time.Minute},
	{topology.PostureScores, "evaluator", "scores to evaluate", 2 * time.Minute},
	{topology.DeviceCommands, "registry", "changes of devices to apply", time.Minute},
	{topology.AuditOutbox, "api", "actions to write to the audit log", 15 * time.Minute},
}

// viewQueue returns the queue of a stream.
func viewQueue(a asked) (queueView, bool) {
	for _, q := range queues {
		if q.stream == a.name && a.err == nil {
			age := a.usage.Age()
			return queueView{Stream: q.stream, Service: q.service, About: q.about, Waiting: a.usage.Messages,
				AgeMS: age.Milliseconds(), Late: age > q.late}, true
		}
	}
	return queueView{}, false
}
