package topology

import (
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/proto"
)

// The streams, except those of the buckets.
const (
	PostureTicks   = "POSTURE_TICKS"
	PostureBatches = "POSTURE_BATCHES"
	PostureScores  = "POSTURE_SCORES"
	PostureLog     = "POSTURE_LOG"
	PostureState   = "POSTURE_STATE"
	PostureDead    = "POSTURE_DEAD"
	DeviceCommands = "DEVICE_COMMANDS"
	AccessLogs     = "ACCESS_LOG"
	AuditLog       = "AUDIT"
	AuditOutbox    = "AUDIT_OUTBOX"
)

// Notes are metadata of a stream written by the operator.
const (
	NotePrefix = "plumbline." // of the names of all notes
	// NoteUnreadable is the sequence of the newest unreadable message found by the last check of the store. A
	// follower at an earlier position reads a new state.
	NoteUnreadable = NotePrefix + "unreadable"
	// NoteAccepted is the sequence up to which the operator accepted losses of a stream.
	NoteAccepted = NotePrefix + "accepted-loss"
)

// MaxPayload is the message size the server must accept, in bytes. A page of devices with every field at its limit is
// under 1 MiB, and so is an entry with 1,000 devices and 100 checks.
const MaxPayload = 4 << 20

// MaxControlLine is the length of a protocol line the server must accept, in bytes: the login line contains a user's
// signed permissions. The server's default of 4 KiB is too short for some roles.
const MaxControlLine = 32 << 10

// MaxBatch is the maximum number of messages in an atomic batch. The server allows 50 open batches per stream.
const MaxBatch = 1000

// Duplicates is how long the server remembers a Nats-Msg-Id.
const Duplicates = 2 * time.Minute

// Options holds the operator's settings for the streams.
type Options struct {
	Replicas    int   // of every stream; 0 means 1
	LogMaxBytes int64 // of POSTURE_LOG; 0 means [DefaultLogMaxBytes]
}

// DefaultLogMaxBytes is the size limit of POSTURE_LOG, in bytes, unless the operator or the disk size requires less.
const DefaultLogMaxBytes = 20 << 30

// Streams returns the configurations of all streams, including those of the buckets, in a valid order of creation.
func Streams(o Options) []jetstream.StreamConfig {
	if o.LogMaxBytes <= 0 {
		o.LogMaxBytes = DefaultLogMaxBytes
	}
	day := 24 * time.Hour
	all := []jetstream.StreamConfig{
		{
			Name: PostureTicks, Subjects: []string{tickRoot + "*.*"},
			MaxMsgsPerSubject: 1, AllowDirect: true,
		}, {
			// A page is never requested twice at once: the second batch is rejected while the first is
			// unacknowledged.
			Name: PostureBatches, Subjects: []string{batchRoot + "*.*.*"},
			Retention: jetstream.WorkQueuePolicy, MaxMsgsPerSubject: 1,
			Discard: jetstream.DiscardNew, DiscardNewPerSubject: true,
		}, {
			// The limit matters only while no evaluator is running: the newest inputs of a page suffice to bring it
			// up to date. The stream is not compressed: the server writes a full block again to compress it, and the
			// messages are gone soon after.
			Name: PostureScores, Subjects: []string{scoresRoot + "*.*.*"},
			Retention: jetstream.WorkQueuePolicy, MaxMsgsPerSubject: 128,
		}, {
			Name: PostureLog, Subjects: []string{AllLogs, changeRoot + ">", AllHolds},
			MaxAge: 30 * day, MaxBytes: o.LogMaxBytes, Compression: jetstream.S2Compression,
			AllowDirect: true, AllowAtomicPublish: true, MaxConsumers: MaxFollowers, RePublish: bell(PostureLog),
		}, {
			// Not compressed either: each poll replaces all of it.
			Name: PostureState, MaxMsgsPerSubject: 1, AllowDirect: true,
			MaxConsumers: MaxFollowers, RePublish: bell(PostureState),
			Sources: []*jetstream.StreamSource{{Name: PostureLog, FilterSubject: AllLogs}},
		}, {
			Name: PostureDead, Subjects: []string{deadRoot + "*.*"}, MaxAge: 7 * day, MaxBytes: 256 << 20,
			Compression: jetstream.S2Compression, AllowDirect: true,
		}, {
			Name: DeviceCommands, Subjects: []string{commandRoot + "*"}, Retention: jetstream.WorkQueuePolicy,
		}, {
			Name: AccessLogs, Subjects: []string{accessRoot + "*.*", tokenRoot + "*.*"}, MaxAge: 30 * day, MaxBytes: 256 << 20,
			Compression: jetstream.S2Compression, AllowDirect: true,
		}, {
			Name: AuditLog, Subjects: []string{auditRoot + "*"}, MaxAge: 365 * day,
			Compression: jetstream.S2Compression, AllowDirect: true,
		}, {
			Name: AuditOutbox, Subjects: []string{outboxes(actions)}, Retention: jetstream.WorkQueuePolicy,
			MaxMsgsPerSubject: 1, AllowDirect: true,
		},
	}
	for _, bucket := range Buckets() {
		// User records expire one month after the last login. Sessions are always shorter.
		var age time.Duration
		var maxBytes int64
		discard := jetstream.DiscardNew
		switch bucket {
		case Sessions:
			age = 31 * day
		case PolicyTests:
			age, maxBytes, discard = PolicyTestsKept, PolicyTestsMaxBytes, jetstream.DiscardOld
		}
		subjects, audited := []string{BucketSubject(bucket, ">")}, bucket == Config || bucket == Tokens || bucket == Holds
		if audited {
			subjects = append(subjects, outboxes(bucket))
		}
		all = append(all, jetstream.StreamConfig{
			MaxAge: age, MaxBytes: maxBytes,
			Name: BucketStream(bucket), Subjects: subjects,
			MaxMsgsPerSubject: 1, Discard: discard, DenyDelete: true,
			AllowDirect: true, RePublish: bell(BucketStream(bucket)),
			// The registry commits pages and its cursor together. The api commits a change together with its audit
			// entry, and an application together with its policies.
			AllowAtomicPublish: bucket == Devices || audited,
			AllowMsgTTL:        audited, // for messages in the outbox
		})
	}
	for i := range all {
		all[i].Storage = jetstream.FileStorage
		all[i].Replicas = max(o.Replicas, 1)
		all[i].Duplicates = Duplicates
		all[i].Description = About(all[i].Name)
	}
	return all
}

// bellRoot is the prefix of the subjects on which streams announce stored messages.
const bellRoot = "bell."

// Bell returns the subject on which a stream announces stored messages matching the filter. A bell carries the
// message's headers and sequence, but not its body. Bells may be lost, so listeners also read the stream
// periodically.
func Bell(stream, filter string) string { return bellRoot + stream + "." + filter }

func bell(stream string) *jetstream.RePublish {
	return &jetstream.RePublish{Source: ">", Destination: Bell(stream, ">"), HeadersOnly: true}
}

// MaxFollowers is the maximum number of consumers on each stream available to followers. The server also counts our
// own consumers and the one feeding POSTURE_STATE, so exhausting the limit would prevent the pipeline from
// restarting. The limit is far above the number of consumers left behind by well-behaved followers.
const MaxFollowers = 4096

// MaxFetchConsumers is the maximum number of consumers in [Queue], where fetchers create one per integration. A
// compromised fetcher can otherwise exhaust the servers' memory with consumers.
const MaxFetchConsumers = 4096

// FollowPrefix is the name prefix of every consumer created by another system.
const FollowPrefix = "follow_"

// The durable consumers. Fetchers create the consumers of batches, one per integration.
const (
	ConsumerPlan          = "plan"
	ConsumerEvaluate      = "evaluate"
	ConsumerPageChanges   = "page_changes"
	ConsumerConfigChanges = "config_changes"
	ConsumerHolds         = "holds"
	ConsumerRegistry      = "registry"
	ConsumerAudit         = "audit"
)

// OutboxTTL is how long an audit entry remains in the outbox of its change. It is the longest tolerable outage of all
// replicas relaying entries to the audit log.
const OutboxTTL = 7 * 24 * time.Hour

// MaxActions is the maximum number of actions outside the buckets whose audit entries are watched at once. The
// announcement of an action is watched until its end has been published.
const MaxActions = 1024

// Durable is a consumer and its stream.
type Durable struct {
	Stream string
	Config jetstream.ConsumerConfig
}

// AckWait is the acknowledgement deadline of a message. When it expires, the message is redelivered. Package bus
// extends it while a handler runs, so it is the time to detect a dead handler.
const AckWait = 15 * time.Second

// Durables returns the consumers provisioned together with the streams.
func Durables() []Durable {
	return []Durable{
		{PostureTicks, durable(ConsumerPlan, 64)},
		{PostureScores, durable(ConsumerEvaluate, 256)},
		{BucketStream(Devices), durable(ConsumerPageChanges, 64, BucketSubject(Devices, AllPageKeys))},
		{BucketStream(Config), durable(ConsumerConfigChanges, 64,
			BucketSubject(Config, ConfigKeys(KindIntegration)), BucketSubject(Config, ConfigKeys(KindCheck)),
			BucketSubject(Config, ConfigKeys(KindExemption)), BucketSubject(Config, ConfigKeys(KindOrganization)))},
		{BucketStream(Holds), durable(ConsumerHolds, 64, BucketSubject(Holds, AllHoldKeys))},
		// One command at a time, independent of the number of registry replicas.
		{DeviceCommands, durable(ConsumerRegistry, 1)},
		// One at a time, so the audit log keeps the order of changes.
		{BucketStream(Config), durable(ConsumerAudit, 1, outboxes(Config))},
		{BucketStream(Tokens), durable(ConsumerAudit, 1, outboxes(Tokens))},
		{BucketStream(Holds), durable(ConsumerAudit, 1, outboxes(Holds))},
		{AuditOutbox, durable(ConsumerAudit, MaxActions, outboxes(actions))},
	}
}

// FetchConsumer returns the consumer of an integration's batches. limit is the maximum number of concurrent API calls
// across all fetchers.
func FetchConsumer(a proto.Account, integration proto.ID, limit int) Durable {
	return Durable{PostureBatches, durable(FetchConsumerName(integration), limit, Batches(a, integration))}
}

// FetchConsumerName returns the name of this consumer.
func FetchConsumerName(integration proto.ID) string { return "fetch_" + integration.String() }

// ParseFetchConsumer returns the account and integration of a consumer created from [FetchConsumer], given its name
// and filter. It returns an error for any other consumer.
func ParseFetchConsumer(name, filter string) (proto.Account, proto.ID, error) {
	pages, ok := strings.CutSuffix(filter, ".*")
	p, err := ParsePage(pages + ".0")
	if !ok || err != nil || Batches(p.Account, p.Integration) != filter || FetchConsumerName(p.Integration) != name {
		return proto.Account{}, proto.ID{}, fmt.Errorf("consumer %q of %q is none of an integration's batches", name, filter)
	}
	return p.Account, p.Integration, nil
}

func durable(name string, maxAckPending int, filters ...string) jetstream.ConsumerConfig {
	c := jetstream.ConsumerConfig{
		Durable: name, AckPolicy: jetstream.AckExplicitPolicy, AckWait: AckWait, MaxAckPending: maxAckPending,
		// MaxDeliver is unlimited: a message exceeding it would remain undelivered and occupy its subject forever.
		MaxDeliver: -1,
	}
	if len(filters) == 1 {
		c.FilterSubject = filters[0]
	} else {
		c.FilterSubjects = filters
	}
	return c
}
