package topology

import "slices"

// Permissions lists the subjects a NATS user may publish and subscribe to. Everything else is denied.
type Permissions struct {
	Publish     []string `json:"publish"`
	DenyPublish []string `json:"deny_publish,omitempty"`
	Subscribe   []string `json:"subscribe"`
	// Respond permits one reply to each received request.
	Respond bool `json:"respond,omitempty"`
}

// grant lists the JetStream access of a role in addition to its flows.
type grant struct {
	durables []string // "STREAM consumer": provisioned consumers to take messages from
	get      []string // buckets to read single keys from
	read     []watch  // buckets or streams to read in full, including their bells
	list     []string // streams to list the subjects of
	last     []string // "STREAM subject": subjects to read the newest message of
	after    []string // streams to ask the leader for the message after a position
	ranges   []string // streams to read in ranges, whatever the subject
	write    []string // subjects of buckets to write
	extra    []string
}

type watch struct {
	stream  string
	filters []string
}

func bucketWatch(bucket string, keys ...string) watch {
	w := watch{stream: BucketStream(bucket)}
	for _, k := range keys {
		w.filters = append(w.filters, BucketSubject(bucket, k))
	}
	return w
}

func grants(r Role) grant {
	integrations, checks := ConfigKeys(KindIntegration), ConfigKeys(KindCheck)
	apps, policies := ConfigKeys(KindApplication), ConfigKeys(KindPolicy)
	switch r {
	case Scheduler:
		return grant{
			read: []watch{bucketWatch(Config, integrations)},
			last: []string{PostureTicks + " " + tickRoot + "*.*"},
			list: []string{PostureTicks},
			// Only the leader knows the sequence of a tick with unreadable headers.
			after: []string{PostureTicks},
		}
	case Registry:
		return grant{
			durables: []string{DeviceCommands + " " + ConsumerRegistry},
			read:     []watch{bucketWatch(Devices, ">")},
			get:      []string{Devices},
			write:    []string{BucketSubject(Devices, AllPageKeys), BucketSubject(Devices, CursorKey)},
		}
	case Fetcher:
		return grant{
			durables: []string{PostureTicks + " " + ConsumerPlan, PostureBatches + " *"},
			read:     []watch{bucketWatch(Config, integrations, apps)},
			get:      []string{Devices, Config},
			list:     []string{BucketStream(Devices), PostureBatches},
			extra: []string{
				"$JS.API.CONSUMER.CREATE." + PostureBatches + ".*." + batchRoot + "*.*.*",
				"$JS.API.CONSUMER.DELETE." + PostureBatches + ".*",
				"$JS.API.CONSUMER.NAMES." + PostureBatches,
			},
		}
	case Evaluator:
		return grant{
			durables: []string{PostureScores + " " + ConsumerEvaluate, BucketStream(Devices) + " " + ConsumerPageChanges,
				BucketStream(Config) + " " + ConsumerConfigChanges, BucketStream(Holds) + " " + ConsumerHolds},
			read: []watch{bucketWatch(Config, integrations, checks, ConfigKeys(KindExemption), ConfigKeys(KindOrganization)),
				bucketWatch(Holds, AllHoldKeys), bucketWatch(EntryKeys, AllEntryKeyKeys), {PostureState, []string{AllLogs}}},
			write: []string{BucketSubject(Holds, AllHoldKeys), BucketSubject(EntryKeys, AllEntryKeyKeys)},
			get:   []string{Devices, Config, Holds, EntryKeys},
			list:  []string{BucketStream(Devices), PostureLog, PostureState},
			last:  []string{PostureLog + " " + AllLogs, PostureState + " " + AllLogs},
			after: []string{PostureLog},
		}
	case Exchange:
		return grant{
			read: []watch{bucketWatch(Config, apps, policies, ConfigKeys(KindGroup), ConfigKeys(KindOrganization)),
				bucketWatch(Tokens, AllServiceTokenKeys), bucketWatch(TokenUses, AllTokenSeenKeys), bucketWatch(Keys, ">")},
			get:  []string{Config, Tokens, TokenUses, Keys},
			last: []string{AccessLogs + " " + tokenRoot + "*.*"},
			write: []string{BucketSubject(Keys, SigningKeyKeys), BucketSubject(Keys, RotationKey),
				BucketSubject(Tokens, AllServiceTokenKeys), BucketSubject(TokenUses, AllTokenSeenKeys)},
		}
	case Gateway:
		return grant{
			read: []watch{bucketWatch(Config, ">"), bucketWatch(Tokens, AllServiceTokenKeys),
				bucketWatch(Devices, AllPageKeys), bucketWatch(Sessions, AllSessionKeys),
				{PostureState, []string{AllLogs}}, {PostureLog, []string{AllLogs, changeRoot + ">"}}},
			get:  []string{Config, Tokens, Devices, Sessions},
			list: []string{PostureLog, PostureState},
			last: []string{PostureLog + " " + AllLogs, PostureState + " " + AllLogs},
			// The reply contains the message and cannot be limited to a subject by permissions. This is therefore
			// granted only for streams the gateway may read in full.
			after: []string{BucketStream(Config), BucketStream(Tokens), BucketStream(Devices), BucketStream(Sessions),
				PostureLog},
			write: []string{BucketSubject(TokenUses, AllTokenSeenKeys), BucketSubject(Sessions, AllSessionKeys),
				BucketSubject(Sessions, AllUserKeys), BucketSubject(Sessions, AllUsedKeys)},
		}
	case API:
		return grant{
			durables: []string{BucketStream(Config) + " " + ConsumerAudit, BucketStream(Tokens) + " " + ConsumerAudit,
				BucketStream(Holds) + " " + ConsumerAudit, AuditOutbox + " " + ConsumerAudit},
			read: []watch{bucketWatch(Config, ">"), bucketWatch(Tokens, ">"), bucketWatch(TokenUses, ">"),
				bucketWatch(Devices, ">"), bucketWatch(Holds, AllHoldKeys), bucketWatch(Deliveries, AllDeliveryKeys),
				{PostureState, []string{AllLogs}}, {PostureLog, []string{AllLogs, changeRoot + ">"}}},
			get: []string{Config, Tokens, TokenUses, Devices, Sessions, Holds, PolicyTests, Deliveries},
			list: []string{BucketStream(Devices), PostureLog, PostureState, PostureTicks, PostureBatches, PostureScores,
				PostureDead},
			last: []string{PostureTicks + " " + tickRoot + "*.*", PostureLog + " " + AllLogs, PostureState + " " + AllLogs,
				AuditOutbox + " " + outboxes(actions)},
			after: []string{AuditLog, PostureLog, AccessLogs, PostureTicks, AuditOutbox,
				BucketStream(PolicyTests)},
			ranges: []string{AuditLog, PostureLog, AccessLogs, BucketStream(Sessions)},
			write: []string{BucketSubject(Config, ">"), BucketSubject(Tokens, ">"), BucketSubject(TokenUses, ">"),
				BucketSubject(Holds, AllHoldKeys), BucketSubject(PolicyTests, AllPolicyTestKeys),
				BucketSubject(PolicyTests, AllPolicyTestUserKeys)},
		}
	case Dispatcher:
		return grant{
			read: []watch{bucketWatch(Config, ConfigKeys(KindDestination), checks), bucketWatch(Deliveries, AllDeliveryKeys),
				{PostureLog, []string{changeRoot + ">", AllHolds}},
				{AccessLogs, []string{tokenRoot + "*.*", accessRoot + "*.*"}}},
			get:   []string{Deliveries, Devices},
			write: []string{BucketSubject(Deliveries, AllDeliveryKeys)},
		}
	}
	return grant{}
}

// PermissionsOf returns the permissions of a role's NATS user, derived from its flows and grants. For [Follower] it
// returns those of the follower with this name and the key "KEY", for documents.
func PermissionsOf(r Role) Permissions {
	if r == Operator {
		return Permissions{Publish: []string{">"}, Subscribe: []string{">"}}
	}
	if r == Follower {
		return FollowerPermissions(string(Follower), "KEY")
	}
	var pub []string
	sub := []string{r.InboxPrefix() + ".>"}
	p := Permissions{}
	for _, f := range Flows() {
		if f.Stream != "" && (slices.Contains(f.From, r) || slices.Contains(f.To, r)) {
			// Users of a stream may wait for its creation.
			pub = append(pub, "$JS.API.STREAM.INFO."+f.Stream)
		}
		if slices.Contains(f.From, r) {
			pub = append(pub, f.wildcard)
		}
		switch {
		case f.Stream != "" || !slices.Contains(f.To, r):
		case f.told():
			sub = append(sub, f.wildcardOf(r))
		default:
			sub = append(sub, AskedByAll(f.wildcard))
			p.Respond = true
		}
	}
	g := grants(r)
	for _, d := range g.durables {
		stream, consumer := cut(d)
		pub = append(pub, "$JS.API.CONSUMER.INFO."+stream+"."+consumer, "$JS.API.CONSUMER.MSG.NEXT."+stream+"."+consumer,
			ackOf(stream, consumer))
	}
	for _, b := range g.get {
		pub = append(pub, "$JS.API.STREAM.INFO."+BucketStream(b),
			"$JS.API.DIRECT.GET."+BucketStream(b)+"."+BucketSubject(b, ">"))
	}
	for _, r := range g.read {
		pub = append(pub, "$JS.API.STREAM.INFO."+r.stream, "$JS.API.STREAM.MSG.GET."+r.stream, "$JS.API.DIRECT.GET."+r.stream)
		for _, f := range r.filters {
			sub = append(sub, Bell(r.stream, f))
		}
	}
	for _, s := range g.list {
		pub = append(pub, "$JS.API.STREAM.INFO."+s)
	}
	for _, l := range g.last {
		stream, subject := cut(l)
		pub = append(pub, "$JS.API.STREAM.INFO."+stream, "$JS.API.DIRECT.GET."+stream+"."+subject)
	}
	for _, s := range g.after {
		pub = append(pub, "$JS.API.STREAM.INFO."+s, "$JS.API.STREAM.MSG.GET."+s)
	}
	for _, s := range g.ranges {
		pub = append(pub, "$JS.API.STREAM.INFO."+s, "$JS.API.STREAM.MSG.GET."+s, "$JS.API.DIRECT.GET."+s)
	}
	pub = append(append(pub, g.write...), g.extra...)
	slices.Sort(pub)
	slices.Sort(sub)
	p.Publish, p.Subscribe = slices.Compact(pub), slices.Compact(sub)
	return p
}

// ackOf returns the subjects of acknowledgements to a consumer. It leaves out the form used by servers with the
// feature js_ack_fc_v2, "$JS.ACK.*.*."+stream+"."+consumer+".>": it would match acknowledgements to other consumers
// in our form.
func ackOf(stream, consumer string) string { return "$JS.ACK." + stream + "." + consumer + ".>" }

func cut(s string) (string, string) {
	for i := range s {
		if s[i] == ' ' {
			return s[:i], s[i+1:]
		}
	}
	return s, "*"
}
