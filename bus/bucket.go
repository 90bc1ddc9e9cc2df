package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/message"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Update is the newest value of a key, or its deletion.
type Update struct {
	Key      string
	Value    []byte // nil if Deleted
	Header   Header
	Revision uint64 // the sequence in the bucket's stream; revisions order all keys of a bucket
	Deleted  bool
	Time     time.Time // when the server stored it
}

// Decode decodes the value like [Msg.Decode].
func (u *Update) Decode(into proto.Message) error {
	return (&Msg{Header: u.Header, Data: u.Value}).Decode(into)
}

// Get reads the value of a key into a message and returns its revision, or [ErrNotFound]. The reply of a replica may
// be slightly out of date; a later write with this revision then fails with [ErrConflict].
func (c *Conn) Get(ctx context.Context, bucket, key string, into proto.Message) (revision uint64, err error) {
	m, err := c.Last(ctx, topology.BucketStream(bucket), topology.BucketSubject(bucket, key))
	if err != nil {
		return 0, fmt.Errorf("read %s of %s: %w", key, bucket, err)
	}
	if m.Deleted() {
		return m.Seq, fmt.Errorf("read %s of %s: %w", key, bucket, ErrNotFound)
	}
	if err := m.Decode(into); err != nil {
		return 0, fmt.Errorf("read %s of %s: %w", key, bucket, err)
	}
	return m.Seq, nil
}

// Put writes a key if its newest revision is expect, and returns the new revision. If expect is 0, the key must not
// exist or must be deleted. If another writer came first, the error is [ErrConflict].
func (c *Conn) Put(
	ctx context.Context, bucket, key string, body proto.Message, expect uint64,
) (revision uint64, err error) {
	o := PutMsg(bucket, key, body, expect)
	ack, err := c.Publish(ctx, o)
	if expect != 0 || !errors.Is(err, ErrConflict) {
		return ack.Seq, err
	}
	// A deleted key has a newest message as well: the deletion marker. Its revision is the one to expect.
	m, lastErr := c.Last(ctx, topology.BucketStream(bucket), topology.BucketSubject(bucket, key))
	if lastErr != nil || !m.Deleted() {
		return 0, err
	}
	o.ExpectLast = Expect(m.Seq)
	ack, err = c.Publish(ctx, o)
	return ack.Seq, err
}

// PutMsg returns the message to write a key in a batch.
func PutMsg(bucket, key string, body proto.Message, expect uint64) Outgoing {
	return Outgoing{Subject: topology.BucketSubject(bucket, key), Body: body, ExpectLast: Expect(expect)}
}

// DeleteMsg returns the message to delete a key in a batch.
func DeleteMsg(bucket, key string, expect uint64) Outgoing {
	return Outgoing{Subject: topology.BucketSubject(bucket, key), Header: Header{message.Operation: {"DEL"}},
		ExpectLast: Expect(expect)}
}

// Delete marks a key as deleted if its newest revision is expect. Watchers receive the deletion.
func (c *Conn) Delete(ctx context.Context, bucket, key string, expect uint64) error {
	m := nats.NewMsg(topology.BucketSubject(bucket, key))
	m.Header.Set(message.Operation, "DEL")
	m.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(expect, 10))
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	_, err := c.js.PublishMsg(ctx, m)
	if err = c.wrote(m.Subject, translate(err)); err != nil {
		return fmt.Errorf("delete %s of %s: %w", key, bucket, err)
	}
	return nil
}

// Last reads the newest message of a subject, or returns [ErrNotFound]. The stream must allow direct gets. Any
// replica may answer.
func (c *Conn) Last(ctx context.Context, stream, subject string) (*Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	r, err := c.nc.RequestMsgWithContext(ctx, nats.NewMsg(directGet+stream+"."+subject))
	if err != nil {
		return nil, fmt.Errorf("newest of %s in %s: %w", subject, stream, err)
	}
	var m *Msg
	if r.Header == nil {
		m = c.lastBroken(ctx, stream, subject, r.Data)
	} else {
		m, err = fromDirect(r)
	}
	if err == nil && m == nil {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("newest of %s in %s: %w", subject, stream, err)
	}
	m.Stream = stream
	return m, nil
}

// lastBroken returns the newest message of a subject if its headers, and thus its sequence, are unreadable. Only the
// leader tells the sequence apart from the headers. Without it no client could write after the message. It is 0 for a
// role that may not ask the leader.
func (c *Conn) lastBroken(ctx context.Context, stream, subject string, data []byte) *Msg {
	if m, err := c.LeaderLast(ctx, stream, subject); err == nil {
		return m
	}
	return &Msg{Subject: subject, Header: nats.Header{message.Malformed: {"?"}}, Data: data}
}

// Watch calls apply with the newest value of every matching key, in order of revision, and then with each later
// value, until ctx ends. It calls caughtUp once, after the initial values. apply is never called concurrently.
//
// Watch ends with an error if apply returns one, if the connection is closed, or if the bucket was replaced
// ([ErrReplaced]). After a lost connection it continues from the last revision.
func (c *Conn) Watch(
	ctx context.Context, bucket string, keys []string, apply func(Update) error, caughtUp func(),
) error {
	t := &Tail{Conn: c, Stream: topology.BucketStream(bucket), Current: caughtUp}
	for _, k := range keys {
		t.Filters = append(t.Filters, topology.BucketSubject(bucket, k))
	}
	t.Apply = func(m *Msg) error {
		key, err := topology.KeyOf(bucket, m.Subject)
		if err != nil {
			return err
		}
		u := Update{Key: key, Value: m.Data, Header: m.Header, Revision: m.Seq, Deleted: m.Deleted(),
			Time: m.Time}
		if u.Deleted {
			u.Value = nil
		}
		if err := apply(u); err != nil {
			return fmt.Errorf("watch %s, key %s: %w", bucket, u.Key, err)
		}
		return nil
	}
	return t.Run(ctx)
}

// Subjects returns the matching subjects of a stream and the number of messages of each. The server answers in pages,
// so a subject may be missed if it is added or removed during the call.
func (c *Conn) Subjects(ctx context.Context, stream, filter string) (map[string]uint64, error) {
	s, err := c.JetStreamOf(stream).Stream(ctx, stream)
	if err != nil {
		return nil, fmt.Errorf("subjects of %s: %w", stream, translate(err))
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return nil, fmt.Errorf("subjects of %s: %w", stream, translate(err))
	}
	return info.State.Subjects, nil
}
