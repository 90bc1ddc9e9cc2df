package storecheck

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
)

// A bucket with a block that cannot be read takes no writes of the keys in it: the server cannot remove what they
// replace, and gives the stream up. So what can be read is copied to a stream beside it, the bucket is made anew, and
// the copy is written back. The copy is there until all is written: a check that ends in between is gone on with.

const (
	recoverRoot = "recover."
	// noteComplete is the revision after which the bucket is made anew, once the copy is complete.
	noteComplete = "plumbline.complete"
)

func copyName(stream string) string { return "RECOVER_" + stream }

// recovery continues with a bucket that has a complete copy.
func (c *checker) recovery(ctx context.Context) error {
	for _, bucket := range []string{topology.Devices, topology.Config, topology.Tokens} {
		stream := topology.BucketStream(bucket)
		side, err := c.conn.JetStream().Stream(ctx, copyName(stream))
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("recover %s: %w", bucket, err)
		}
		seen, err := strconv.ParseUint(side.CachedInfo().Config.Metadata[noteComplete], 10, 64)
		if err != nil {
			err = c.conn.JetStream().DeleteStream(ctx, copyName(stream)) // the bucket is as it was
		} else {
			err = c.writeBack(ctx, bucket, seen)
		}
		if err != nil {
			return fmt.Errorf("recover %s: %w", bucket, err)
		}
	}
	return nil
}

// remake makes a bucket anew with what can be read of it, at revisions higher than seen.
func (c *checker) remake(ctx context.Context, bucket string, seen uint64) error {
	js, stream := c.conn.JetStream(), topology.BucketStream(bucket)
	told, err := c.told(ctx, stream)
	if err != nil {
		return err
	}
	replicas := max(c.options.Replicas, 1)
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: copyName(stream), Subjects: []string{recoverRoot + stream + ".>"},
		Storage: jetstream.FileStorage, Replicas: replicas, MaxMsgsPerSubject: 1, AllowDirect: true}); err != nil {
		return fmt.Errorf("copy %s: %w", bucket, err)
	}
	err = c.conn.Range(ctx, stream, ">", 1, everything, func(m *bus.Msg) error {
		seen = max(seen, m.Seq)
		if _, err := topology.KeyOf(bucket, m.Subject); err != nil && m.Seq <= told {
			return nil // of the outbox, and in the audit log
		}
		return c.copyTo(ctx, recoverRoot+stream+"."+m.Subject, m)
	})
	if err != nil {
		return fmt.Errorf("copy %s: %w", bucket, err)
	}
	if err := c.conn.SetNote(ctx, copyName(stream), noteComplete, strconv.FormatUint(seen, 10)); err != nil {
		return err
	}
	return c.writeBack(ctx, bucket, seen)
}

// told is the position up to which the audit log has what is in the outbox of a bucket.
func (c *checker) told(ctx context.Context, stream string) (uint64, error) {
	consumer, err := c.conn.JetStream().Consumer(ctx, stream, topology.ConsumerAudit)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("check %s: %w", stream, err)
	}
	return consumer.CachedInfo().AckFloor.Stream, nil
}

func (c *checker) writeBack(ctx context.Context, bucket string, seen uint64) error {
	js, stream := c.conn.JetStream(), topology.BucketStream(bucket)
	if err := js.DeleteStream(ctx, stream); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("make %s anew: %w", bucket, err)
	}
	if err := bus.Recreate(ctx, c.conn, c.options, stream, seen+1); err != nil {
		return fmt.Errorf("make %s anew: %w", bucket, err)
	}
	err := c.conn.Range(ctx, copyName(stream), ">", 1, everything, func(m *bus.Msg) error {
		return c.copyTo(ctx, strings.TrimPrefix(m.Subject, recoverRoot+stream+"."), m)
	})
	if err != nil {
		return fmt.Errorf("write %s again: %w", bucket, err)
	}
	return js.DeleteStream(ctx, copyName(stream))
}

// copyTo stores a message on another subject, with its original headers.
func (c *checker) copyTo(ctx context.Context, subject string, m *bus.Msg) error {
	again := nats.NewMsg(subject)
	again.Data = m.Data
	for name, values := range m.Header {
		if !strings.HasPrefix(name, "Nats-") {
			again.Header[name] = values
		}
	}
	if strings.HasPrefix(subject, "outbox.") {
		again.Header.Set("Nats-TTL", topology.OutboxTTL.String())
	}
	_, err := c.conn.JetStream().PublishMsg(ctx, again)
	return err
}
