package topology

import (
	"fmt"
	"strings"
)

// Flow is one row of the table of subjects: a message, its senders and its receivers.
type Flow struct {
	Subject string // for display, with variable parts in angle brackets
	Stream  string // empty for request and reply
	Keeps   string
	From    []Role
	To      []Role // none means all followers
	Message string
	// wildcard is the subject as used in a permission.
	wildcard string
}

// told reports whether the message is neither stored nor answered. Its subject then names the receiving role.
func (f Flow) told() bool { return strings.HasPrefix(f.wildcard, answerRoot) }

// wildcardOf returns the part of such a flow addressed to a role.
func (f Flow) wildcardOf(to Role) string { return strings.Replace(f.wildcard, "*", string(to), 1) }

// Wildcard returns the subject as a filter. It is empty for a row that is sourced from another one.
func (f Flow) Wildcard() string { return f.wildcard }

// Flows returns the table.
func Flows() []Flow {
	return []Flow{
		{"posture.tick.<account>.<integration>", PostureTicks, "newest per subject",
			[]Role{Scheduler, API}, []Role{Fetcher}, "a due poll", tickRoot + "*.*"},
		{"posture.batch.<account>.<integration>.<page>", PostureBatches, "work queue, one per subject",
			[]Role{Fetcher}, []Role{Fetcher}, "one API call to make", batchRoot + "*.*.*"},
		{"posture.scores.<account>.<integration>.<page>", PostureScores, "work queue",
			[]Role{Fetcher, Evaluator}, []Role{Evaluator}, "a page to evaluate", scoresRoot + "*.*.*"},
		{"posture.log.<account>.<integration>.<page>", PostureLog, "30 days, bounded bytes",
			[]Role{Evaluator}, nil, "an entry: all results of a page", AllLogs},
		{"posture.change.<account>.<check>.<outcome>.<page>", PostureLog, "with its entry",
			[]Role{Evaluator}, nil, "devices of the page with this new outcome", changeRoot + ">"},
		{"posture.hold.<account>.<integration>.<check>", PostureLog, "30 days, bounded bytes",
			[]Role{Evaluator}, nil, "a hold of a check began, or changed", AllHolds},
		{"posture.log.>", PostureState, "newest per subject, for ever",
			nil, nil, "the state, sourced from " + PostureLog, ""},
		{"posture.dead.<stage>.<account>", PostureDead, "7 days",
			[]Role{Registry, Fetcher, Evaluator}, []Role{Operator}, "a message given up, and the reason", deadRoot + "*.*"},
		{"posture.probe.<account>", "", "request and reply",
			[]Role{API}, []Role{Fetcher}, "\"Test and save\": one call to a scoring API", AllProbes},
		{EntryKeysAsked, "", "request and reply",
			[]Role{API}, []Role{Evaluator}, "public keys of entries", EntryKeysAsked},
		{"destination.test.<account>", "", "request and reply",
			[]Role{API}, []Role{Dispatcher}, "a test message to a destination", AllDestinationTests},
		{"devices.command.<account>", DeviceCommands, "work queue",
			[]Role{API}, []Role{Registry}, "enrol, update, remove; each is answered", commandRoot + "*"},
		{"devices.answer.<role>.<inbox>", "", "not kept",
			[]Role{Registry}, []Role{API, Operator}, "the result of a command, sent to the inbox in its header",
			answerRoot + "*.>"},
		{ExchangeService, "", "request and reply",
			[]Role{Fetcher, Gateway}, []Role{Exchange}, "service credentials for an application token", ExchangeService},
		{ExchangeUser, "", "request and reply",
			[]Role{Gateway}, []Role{Exchange}, "a finished login for an application token", ExchangeUser},
		{"access.probe.<account>", "", "request and reply",
			[]Role{API}, []Role{Gateway}, "a test of a saved identity provider", AllProviderProbes},
		{Statements, "", "request and reply",
			[]Role{Gateway}, []Role{Exchange}, "a signed statement about an application", Statements},
		{Certs, "", "request and reply",
			[]Role{Fetcher, Gateway, API}, []Role{Exchange}, "public keys", Certs},
		{KeysCommands, "", "request and reply",
			[]Role{API}, []Role{Exchange}, "set the rotation of signing keys, or rotate now", KeysCommands},
		{"access.log.<account>.<app>", AccessLogs, "30 days, bounded bytes",
			[]Role{Exchange, Gateway}, nil, "an authentication and its reason", accessRoot + "*.*"},
		{"access.token.<account>.<token>", AccessLogs, "with the log",
			[]Role{Exchange}, nil, "notice of a service token about to expire or no longer valid", tokenRoot + "*.*"},
		{"audit.<account>", AuditLog, "1 year",
			[]Role{API}, nil, "a configuration change", auditRoot + "*"},
		{"outbox.CONFIG.<account>.<event>", BucketStream(Config), "7 days",
			[]Role{API}, []Role{API}, "the audit entry of a change, stored with the change", outboxes(Config)},
		{"outbox.TOKENS.<account>.<event>", BucketStream(Tokens), "7 days",
			[]Role{API, Exchange}, []Role{API}, "the audit entry of a token, stored with its change", outboxes(Tokens)},
		{"outbox.HOLDS.<account>.<event>", BucketStream(Holds), "7 days",
			[]Role{API, Evaluator}, []Role{API}, "the audit entry of a hold, stored with its change", outboxes(Holds)},
		{"outbox.ACTIONS.<account>.<event>", AuditOutbox, "until it is in the audit log",
			[]Role{API}, []Role{API}, "the audit entry of an action outside the buckets, stored before it", outboxes(actions)},
	}
}

// Markdown returns the table for bus/README.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| Subject | Stream | Keeps | From → to | One message is |\n|---|---|---|---|---|\n")
	for _, f := range Flows() {
		stream, from, to := f.Stream, join(f.From), join(f.To)
		if from == "" {
			from = PostureLog
		}
		if to == "" {
			to = "everyone"
		}
		if stream != "" {
			stream = "`" + stream + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s → %s | %s |\n", f.Subject, stream, f.Keeps, from, to, f.Message)
	}
	return b.String()
}

func join(roles []Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}

// About returns what a stream has, in a few words. It is the description of the stream on the server.
func About(stream string) string {
	bucket := map[string]string{
		BucketStream(Devices): "pages of enrolled devices",
		BucketStream(Config): "integrations, checks, applications, policies, groups, identity providers, organization, " +
			"destinations",
		BucketStream(Tokens):      "hashes of token secrets",
		BucketStream(TokenUses):   "last uses of service tokens",
		BucketStream(Keys):        "sealed signing keys",
		BucketStream(EntryKeys):   "sealed keys that sign entries",
		BucketStream(Sessions):    "logins and users",
		BucketStream(Holds):       "holds of checks",
		BucketStream(PolicyTests): "tests of policies and their results",
		BucketStream(Deliveries):  "states of the deliveries to destinations",
	}[stream]
	if bucket != "" {
		return bucket
	}
	var what []string
	for _, f := range Flows() {
		if f.Stream == stream {
			what = append(what, f.Message)
		}
	}
	return strings.Join(what, "; ")
}
