package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Update is a key's newest value, or that it was deleted.
type Update struct {
	Key      string
	Value    []byte // nil where Deleted
	Revision uint64 // the sequence in the bucket's stream: revisions order all keys of a bucket
	Deleted  bool
}

// Decode reads the value.
func (u *Update) Decode(into proto.Message) error { return proto.Unmarshal(u.Value, into) }

// Get reads a key into a message and returns its revision, or [ErrNotFound]. With replicas the answer may
// be a moment old: a write that expects its revision finds out.
func (c *Conn) Get(ctx context.Context, bucket, key string, into proto.Message) (revision uint64, err error) {
	m, err := c.Last(ctx, topology.BucketStream(bucket), topology.BucketSubject(bucket, key))
	if err != nil {
		return 0, fmt.Errorf("read %s of %s: %w", key, bucket, err)
	}
	if m.Deleted() {
		return m.Seq, fmt.Errorf("read %s of %s: %w", key, bucket, ErrNotFound)
	}
	if err := proto.Unmarshal(m.Data, into); err != nil {
		return 0, fmt.Errorf("read %s of %s: %w", key, bucket, err)
	}
	return m.Seq, nil
}

// kvOperation marks the deletion of a key (ADR-8).
const kvOperation = "KV-Operation"

// Put writes a key whose newest revision must be expect, 0 where it must not exist or be deleted, and
// returns the new revision; [ErrConflict] where somebody else was first.
func (c *Conn) Put(ctx context.Context, bucket, key string, body proto.Message, expect uint64) (revision uint64, err error) {
	o := PutMsg(bucket, key, body, expect)
	ack, err := c.Publish(ctx, o)
	if expect != 0 || !errors.Is(err, ErrConflict) {
		return ack.Seq, err
	}
	// The key may be there as a deletion, whose revision is then what to expect.
	m, lastErr := c.Last(ctx, topology.BucketStream(bucket), topology.BucketSubject(bucket, key))
	if lastErr != nil || !m.Deleted() {
		return 0, err
	}
	o.ExpectLast = Expect(m.Seq)
	ack, err = c.Publish(ctx, o)
	return ack.Seq, err
}

// PutMsg is the message that writes a key, for a batch.
func PutMsg(bucket, key string, body proto.Message, expect uint64) Outgoing {
	return Outgoing{Subject: topology.BucketSubject(bucket, key), Body: body, ExpectLast: Expect(expect)}
}

// DeleteMsg is the message that marks a key deleted, for a batch.
func DeleteMsg(bucket, key string, expect uint64) Outgoing {
	return Outgoing{Subject: topology.BucketSubject(bucket, key), Header: nats.Header{kvOperation: {"DEL"}}, ExpectLast: Expect(expect)}
}

// Delete marks a key deleted if its newest revision is expect; watchers see it.
func (c *Conn) Delete(ctx context.Context, bucket, key string, expect uint64) error {
	m := nats.NewMsg(topology.BucketSubject(bucket, key))
	m.Header.Set(kvOperation, "DEL")
	m.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(expect, 10))
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if _, err := c.js.PublishMsg(ctx, m); err != nil {
		return fmt.Errorf("delete %s of %s: %w", key, bucket, translate(err))
	}
	return nil
}

// Last reads the newest message of a subject, or [ErrNotFound]. The stream must allow direct gets; any
// replica answers.
func (c *Conn) Last(ctx context.Context, stream, subject string) (*Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	r, err := c.nc.RequestMsgWithContext(ctx, nats.NewMsg("$JS.API.DIRECT.GET."+stream+"."+subject))
	if err != nil {
		return nil, fmt.Errorf("newest of %s in %s: %w", subject, stream, err)
	}
	if status := r.Header.Get("Status"); status == "404" {
		return nil, fmt.Errorf("newest of %s in %s: %w", subject, stream, ErrNotFound)
	} else if status != "" {
		return nil, fmt.Errorf("newest of %s in %s: status %s %s", subject, stream, status, r.Header.Get("Description"))
	}
	seq, err1 := strconv.ParseUint(r.Header.Get(jetstream.SequenceHeader), 10, 64)
	at, err2 := time.Parse(time.RFC3339Nano, r.Header.Get(jetstream.TimeStampHeaer))
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("newest of %s in %s: %w", subject, stream, err)
	}
	return &Msg{Subject: r.Header.Get(jetstream.SubjectHeader), Header: r.Header, Data: r.Data, Stream: stream, Seq: seq, Time: at}, nil
}

// Watch calls apply with the newest value of every key that matches, in the order of revisions, then with
// each later one, until ctx ends. caughtUp is called once, after the first round. An error from apply ends
// the watch and is returned, and so does a connection that was closed; a lost one does not: when it is back
// the watch goes on after the last revision. apply is never called concurrently.
func (c *Conn) Watch(ctx context.Context, bucket string, keys []string, apply func(Update) error, caughtUp func()) error {
	connected := c.nc.StatusChanged(nats.CONNECTED)
	defer c.nc.RemoveStatusListener(connected)
	w, err := c.watch(ctx, bucket, keys, 0)
	if err != nil {
		return err
	}
	defer func() { stopWatch(w) }()
	var last uint64
	var complete bool
	var retry <-chan time.Time
	updates := w.Updates()
	again := func() error {
		next, err := c.watch(ctx, bucket, keys, last)
		switch {
		case err == nil:
			go discard(w)
			w, updates, retry = next, next.Updates(), nil
		case c.nc.IsClosed() && ctx.Err() == nil:
			return err // this connection does not come back
		default:
			c.log.Debug("a watch is not taken up yet", "bucket", bucket, "err", err)
			retry = time.After(retryWatch)
		}
		return nil
	}
	for {
		var lost bool
		select {
		case <-ctx.Done():
			return nil
		case <-connected:
			// A server that was restarted has forgotten the watch. The client library would find out, but takes
			// ten seconds and more.
			lost = true
		case <-retry:
			lost = true
		case e, ok := <-updates:
			switch {
			case !ok: // ended by the server, or by the client library, which could not take it up
				updates, lost = nil, true
			case e == nil:
				if !complete {
					complete = true
					caughtUp()
				}
			default:
				u := Update{Key: e.Key(), Value: e.Value(), Revision: e.Revision(), Deleted: e.Operation() != jetstream.KeyValuePut}
				if u.Deleted {
					u.Value = nil
				}
				if err := apply(u); err != nil {
					return fmt.Errorf("watch %s, key %s: %w", bucket, u.Key, err)
				}
				last = u.Revision
			}
		}
		if lost {
			if err := again(); err != nil {
				return err
			}
		}
	}
}

// retryWatch is how long after a failure a watch is taken up again.
const retryWatch = 250 * time.Millisecond

// watch begins a watch with what comes after a revision: of a bucket that keeps one value a key, that is
// every key that was written since.
func (c *Conn) watch(ctx context.Context, bucket string, keys []string, after uint64) (jetstream.KeyWatcher, error) {
	kv, err := c.js.KeyValue(ctx, bucket)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", bucket, translate(err))
	}
	var options []jetstream.WatchOpt
	if after > 0 {
		options = append(options, jetstream.ResumeFromRevision(after+1))
	}
	w, err := kv.WatchFiltered(ctx, slices.Clone(keys), options...) // which it writes to
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", bucket, translate(err))
	}
	return w, nil
}

// discard ends a watch that another has taken the place of, and takes from it what would keep it.
func discard(w jetstream.KeyWatcher) {
	stopWatch(w)
	for range w.Updates() {
	}
}

// stopWatch ends a watch with the server, which forgets it after a while if it cannot be told: the end of
// a service does not wait for a server that is gone.
func stopWatch(w jetstream.KeyWatcher) {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = w.Stop()
	}()
	select {
	case <-stopped:
	case <-time.After(time.Second):
	}
}

// Subjects lists the subjects of a stream that match, with how many messages each has. The answer comes
// in pieces; a subject that comes or goes meanwhile may be missed.
func (c *Conn) Subjects(ctx context.Context, stream, filter string) (map[string]uint64, error) {
	s, err := c.js.Stream(ctx, stream)
	if err != nil {
		return nil, fmt.Errorf("subjects of %s: %w", stream, translate(err))
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return nil, fmt.Errorf("subjects of %s: %w", stream, translate(err))
	}
	return info.State.Subjects, nil
}
