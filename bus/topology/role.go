package topology

// Role is a service, or another party, with a NATS user and permissions of its own.
type Role string

// The roles. The operator provisions the streams and has all permissions; a follower is any other system.
const (
	Scheduler  Role = "scheduler"
	Registry   Role = "registry"
	Fetcher    Role = "fetcher"
	Evaluator  Role = "evaluator"
	Exchange   Role = "exchange"
	Gateway    Role = "gateway"
	API        Role = "api"
	Dispatcher Role = "dispatcher"
	Follower   Role = "follower"
	Operator   Role = "operator"
)

// Roles returns all roles, in the order of the design's table.
func Roles() []Role {
	return []Role{Scheduler, Registry, Fetcher, Evaluator, Exchange, Gateway, API, Dispatcher, Follower, Operator}
}

// InboxPrefix returns the prefix of the role's inboxes. No role may subscribe to another role's.
func (r Role) InboxPrefix() string { return "_INBOX_" + string(r) }
