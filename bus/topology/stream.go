package topology

import (
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/proto"
)

// The streams, beside those of the buckets.
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

// MaxPayload is what the server must accept in one message: a page of devices with every field at its
// limit is under 1 MiB, an entry of 1,000 devices and 100 checks under 1 MiB.
const MaxPayload = 4 << 20

// MaxControlLine is what the server must accept in one line of its protocol: a user's signed permissions are
// in the line that logs it in. The server's own default, 4 KiB, is too little for some roles.
const MaxControlLine = 32 << 10

// MaxBatch is how many messages one atomic batch may hold; the server allows [maxOpenBatches] and ten more
// to be open at once.
const MaxBatch = 1000

// Duplicates is how long the server remembers a Nats-Msg-Id.
const Duplicates = 2 * time.Minute

// Options are what an operator decides about the streams.
type Options struct {
	Replicas    int   // of every stream; 0 means 1
	LogMaxBytes int64 // of POSTURE_LOG; 0 means [DefaultLogMaxBytes]
}

// DefaultLogMaxBytes bounds POSTURE_LOG where the operator, or the size of the disk, does not say less.
const DefaultLogMaxBytes = 20 << 30

// Streams are the configurations of every stream and every bucket's stream, in an order in which they can
// be created.
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
			// A page is not asked twice at once: the second batch is refused while the first is unacknowledged.
			Name: PostureBatches, Subjects: []string{batchRoot + "*.*.*"},
			Retention: jetstream.WorkQueuePolicy, MaxMsgsPerSubject: 1,
			Discard: jetstream.DiscardNew, DiscardNewPerSubject: true,
		}, {
			// The bound matters only while no evaluator runs: the newest inputs of a page are enough to
			// bring it up to date.
			Name: PostureScores, Subjects: []string{scoresRoot + "*.*.*"},
			Retention: jetstream.WorkQueuePolicy, MaxMsgsPerSubject: 128, Compression: jetstream.S2Compression,
		}, {
			Name: PostureLog, Subjects: []string{AllLogs, changeRoot + ">"},
			MaxAge: 30 * day, MaxBytes: o.LogMaxBytes, Compression: jetstream.S2Compression,
			AllowDirect: true, AllowAtomicPublish: true, MaxConsumers: MaxFollowers, RePublish: bell(PostureLog),
		}, {
			Name: PostureState, MaxMsgsPerSubject: 1, Compression: jetstream.S2Compression, AllowDirect: true,
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
			Name: AuditOutbox, Subjects: []string{outboxes(actions)}, Retention: jetstream.WorkQueuePolicy, MaxMsgsPerSubject: 1, AllowDirect: true,
		},
	}
	for _, bucket := range Buckets() {
		// People are forgotten a month after they were last there, and a session never lasts as long.
		var age time.Duration
		if bucket == Sessions {
			age = 31 * day
		}
		subjects, audited := []string{BucketSubject(bucket, ">")}, bucket == Config || bucket == Tokens
		if audited {
			subjects = append(subjects, outboxes(bucket))
		}
		all = append(all, jetstream.StreamConfig{
			MaxAge: age,
			Name:   BucketStream(bucket), Subjects: subjects,
			MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, DenyDelete: true,
			AllowDirect: true, RePublish: bell(BucketStream(bucket)),
			// The registry commits pages and its cursor together; the api a change and what the audit log is to be
			// told of it, and an application with its policies.
			AllowAtomicPublish: bucket == Devices || audited,
			AllowMsgTTL:        audited, // of what is in the outbox
		})
	}
	for i := range all {
		all[i].Storage = jetstream.FileStorage
		all[i].Replicas = max(o.Replicas, 1)
		all[i].Duplicates = Duplicates
		all[i].Description = description(all[i].Name)
	}
	return all
}

// bellRoot begins the subjects on which streams announce what they stored.
const bellRoot = "bell."

// Bell is the subject on which a stream announces each message that it stored on a subject that matches the
// filter. A bell has the message's headers and its sequence, but no body. It may be lost: whoever listens reads the
// stream every now and then anyway.
func Bell(stream, filter string) string { return bellRoot + stream + "." + filter }

func bell(stream string) *jetstream.RePublish {
	return &jetstream.RePublish{Source: ">", Destination: Bell(stream, ">"), HeadersOnly: true}
}

// MaxFollowers bounds the consumers on each of the streams that other systems may follow. The server counts
// our own views and the consumer that feeds POSTURE_STATE as well, so that whoever uses the limit up keeps
// the pipeline from restarting: it is far above what honest followers leave behind.
const MaxFollowers = 4096

// FollowPrefix begins the name of every consumer that another system makes.
const FollowPrefix = "follow_"

// The durable consumers. Those on batches are made by the fetchers, one for each integration.
const (
	ConsumerPlan          = "plan"
	ConsumerEvaluate      = "evaluate"
	ConsumerPageChanges   = "page_changes"
	ConsumerConfigChanges = "config_changes"
	ConsumerRegistry      = "registry"
	ConsumerAudit         = "audit"
)

// OutboxTTL is how long what the audit log is to be told stays beside the change that it is about: as long as all
// who could tell the log may be away.
const OutboxTTL = 7 * 24 * time.Hour

// A Durable is a consumer and the stream it is on.
type Durable struct {
	Stream string
	Config jetstream.ConsumerConfig
}

// AckWait is how long a handler may be silent before its message is given to another. A handler that
// works says so in time (package bus does it), so this is how soon a dead one is noticed.
const AckWait = 15 * time.Second

// Durables are the consumers that are provisioned with the streams.
func Durables() []Durable {
	return []Durable{
		{PostureTicks, durable(ConsumerPlan, 64)},
		{PostureScores, durable(ConsumerEvaluate, 256)},
		{BucketStream(Devices), durable(ConsumerPageChanges, 64, BucketSubject(Devices, AllPageKeys))},
		{BucketStream(Config), durable(ConsumerConfigChanges, 64,
			BucketSubject(Config, ConfigKeys(KindIntegration)), BucketSubject(Config, ConfigKeys(KindCheck)))},
		// One command at a time, whatever the number of registries.
		{DeviceCommands, durable(ConsumerRegistry, 1)},
		// One after the other, so that the audit log has changes in their order.
		{BucketStream(Config), durable(ConsumerAudit, 1, outboxes(Config))},
		{BucketStream(Tokens), durable(ConsumerAudit, 1, outboxes(Tokens))},
		{AuditOutbox, durable(ConsumerAudit, 64, outboxes(actions))},
	}
}

// FetchConsumer is the consumer of an integration's batches; limit bounds the calls under way at once,
// over all fetchers.
func FetchConsumer(a proto.Account, integration proto.ID, limit int) Durable {
	return Durable{PostureBatches, durable(FetchConsumerName(integration), limit, Batches(a, integration))}
}

// FetchConsumerName is the name of that consumer.
func FetchConsumerName(integration proto.ID) string { return "fetch_" + integration.String() }

// ParseFetchConsumer tells whose batches the consumer of a name and a filter takes; an error where it is
// not one that [FetchConsumer] describes.
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
		// No MaxDeliver: an exhausted message would stay, undelivered, and hold its subject for ever.
		MaxDeliver: -1,
	}
	if len(filters) == 1 {
		c.FilterSubject = filters[0]
	} else {
		c.FilterSubjects = filters
	}
	return c
}
