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
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
)

// A bucket with an unreadable block accepts no writes of the keys in it: the server cannot remove the replaced
// messages, and stops the stream. The readable messages are therefore copied to a temporary stream, the bucket is
// recreated, and the copy is written back. The copy is kept until this is complete, so an interrupted check can be
// continued.

const (
	recoverRoot = "recover."
	// noteComplete is the metadata key on a complete copy. Its value is the revision after which the bucket is
	// recreated.
	noteComplete = "plumbline.complete"
)

func copyName(stream string) string { return "RECOVER_" + stream }

// recovery continues the recovery of a bucket with a complete copy.
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
			err = c.conn.JetStream().DeleteStream(ctx, copyName(stream)) // the bucket is unchanged
		} else {
			err = c.writeBack(ctx, bucket, seen)
		}
		if err != nil {
			return fmt.Errorf("recover %s: %w", bucket, err)
		}
	}
	return nil
}

// remake recreates a bucket with its readable messages, at revisions higher than seen.
func (c *checker) remake(ctx context.Context, bucket string, seen uint64) error {
	js, stream := c.conn.JetStream(), topology.BucketStream(bucket)
	told, err := c.told(ctx, stream)
	if err != nil {
		return err
	}
	replicas := max(c.options.Replicas, 1)
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: copyName(stream),
		Subjects: []string{recoverRoot + stream + ".>"},
		Storage:  jetstream.FileStorage, Replicas: replicas, MaxMsgsPerSubject: 1, AllowDirect: true}); err != nil {
		return fmt.Errorf("copy %s: %w", bucket, err)
	}
	err = c.conn.Range(ctx, stream, ">", 1, everything, func(m *bus.Msg) error {
		seen = max(seen, m.Seq)
		if _, err := topology.KeyOf(bucket, m.Subject); err != nil && m.Seq <= told {
			return nil // in the outbox, and already in the audit log
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

// told returns the position in a bucket's stream up to which the outbox was copied to the audit log.
func (c *checker) told(ctx context.Context, stream string) (uint64, error) {
	consumer, err := c.conn.Backlog(ctx, stream, topology.ConsumerAudit)
	if errors.Is(err, bus.ErrNoConsumer) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("check %s: %w", stream, err)
	}
	return consumer.Settled, nil
}

func (c *checker) writeBack(ctx context.Context, bucket string, seen uint64) error {
	stream := topology.BucketStream(bucket)
	if err := provision.Replace(ctx, c.conn, c.options, stream, seen+1); err != nil {
		return fmt.Errorf("make %s anew: %w", bucket, err)
	}
	err := c.conn.Range(ctx, copyName(stream), ">", 1, everything, func(m *bus.Msg) error {
		return c.copyTo(ctx, strings.TrimPrefix(m.Subject, recoverRoot+stream+"."), m)
	})
	if err != nil {
		return fmt.Errorf("write %s again: %w", bucket, err)
	}
	return c.conn.JetStream().DeleteStream(ctx, copyName(stream))
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
