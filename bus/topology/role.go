package topology

// Role is a service, or another party, as the bus knows it: a NATS user and what it may do.
type Role string

// The roles. The operator provisions the streams and may do everything; a follower is any other system.
const (
	Scheduler Role = "scheduler"
	Registry  Role = "registry"
	Fetcher   Role = "fetcher"
	Evaluator Role = "evaluator"
	Exchange  Role = "exchange"
	Gateway   Role = "gateway"
	API       Role = "api"
	Follower  Role = "follower"
	Operator  Role = "operator"
)

// Roles are all of them, in the order of the design's table.
func Roles() []Role {
	return []Role{Scheduler, Registry, Fetcher, Evaluator, Exchange, Gateway, API, Follower, Operator}
}

// InboxPrefix is what begins the role's inboxes. No role may listen on another's.
func (r Role) InboxPrefix() string { return "_INBOX_" + string(r) }
