package storecheck

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// auditRead is the number of audit events compared at a start, counting from the newest.
const auditRead = 100_000

// audit is the newest change of a key according to AUDIT.
type audit struct {
	record proto.AuditRecord
	event  *proto.AuditEvent // without the changed content
}

// audited compares CONFIG and TOKENS with the changes in AUDIT. Changes no longer in AUDIT, or made before it named
// keys, are not compared.
func (c *checker) audited(ctx context.Context) error {
	log, err := c.standing(ctx, topology.AuditLog)
	if err != nil {
		return err
	}
	accepted, err := c.conn.Note(ctx, topology.AuditLog, topology.NoteAccepted)
	if err != nil {
		return err
	}
	first, _ := strconv.ParseUint(accepted, 10, 64) // 0 if there is none
	first = max(first+1, log.last-min(log.last, auditRead))
	newest := map[string]audit{}
	err = c.conn.Range(ctx, topology.AuditLog, ">", first, log.last, func(m *bus.Msg) error {
		e := new(proto.AuditEvent)
		if m.Decode(e) != nil {
			return nil // its readers report it
		}
		e.Before, e.After = nil, nil
		for _, r := range e.Records {
			if was, ok := newest[r.Subject]; !ok || r.Replaced >= was.record.Replaced {
				newest[r.Subject] = audit{r, e}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("check AUDIT: %w", err)
	}
	for bucket, entries := range map[string]uint64{topology.Config: c.newest.config, topology.Tokens: 0} {
		if err := c.auditedBucket(ctx, bucket, newest, log.last, entries); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) auditedBucket(ctx context.Context, bucket string, newest map[string]audit,
	end, entries uint64) error {
	stream := topology.BucketStream(bucket)
	seen, err := c.seen(ctx, bucket, entries)
	if err != nil {
		return err
	}
	held := map[string]uint64{}
	unread, err := c.unread(ctx, stream, topology.BucketSubject(bucket, ">"),
		func(m *bus.Msg) error { held[m.Subject] = m.Seq; return nil })
	if err != nil {
		return err
	}
	for subject, a := range newest {
		if _, err := topology.KeyOf(bucket, subject); err == nil {
			seen = max(seen, a.record.Replaced+1)
		}
	}
	if len(unread) > 0 {
		c.broken[bucket] = seen
	}
	found := len(c.losses)
	for _, subject := range unread {
		if _, named := newest[subject]; !named && isResource(bucket, subject) {
			c.recordLost(bucket, fmt.Sprintf("%s: %s cannot be read", bucket, subject), subject, nil, seen, end)
		}
	}
	for subject, a := range newest {
		if _, err := topology.KeyOf(bucket, subject); err != nil || held[subject] > a.record.Replaced {
			continue
		}
		m, err := c.conn.LeaderLast(ctx, stream, subject)
		if bus.Answered(err) {
			m, err = nil, nil
		}
		switch {
		case err != nil:
			return fmt.Errorf("check %s: %w", bucket, err)
		case m != nil && m.Seq > a.record.Replaced:
			continue
		case a.record.Deleted && (m == nil || m.Deleted()):
			// It is deleted, as expected.
		case a.record.Deleted:
			if err := c.deleteAgain(ctx, bucket, subject, a, seen); err != nil {
				return err
			}
		default:
			c.recordLost(bucket, a.lost(bucket, m), subject, m, seen, end)
		}
	}
	return c.endLost(ctx, bucket, seen, len(c.losses) > found)
}

// isResource reports whether a subject belongs to a resource, as opposed to a time of last use.
func isResource(bucket, subject string) bool {
	key, err := topology.KeyOf(bucket, subject)
	if err != nil {
		return false
	}
	if bucket == topology.Config {
		_, kind, _, err := topology.ParseConfigKey(key)
		return err == nil && kind != topology.KindReservation
	}
	return topology.IsTokenKey(key)
}

// lost describes a lost record.
func (a audit) lost(bucket string, m *bus.Msg) string {
	what := fmt.Sprintf("%s: %s %q (%s)", bucket, a.event.Kind, a.event.Name, a.event.Resource)
	when := a.event.At.Time().UTC().Format(time.RFC3339)
	if m == nil {
		return fmt.Sprintf("%s is missing; the audit log has its %s at %s", what, a.event.Action, when)
	}
	return fmt.Sprintf("%s is older than it was: its %s at %s is lost", what, a.event.Action, when)
}

// recordLost reports a lost record. Accepting the loss writes the current content again.
func (c *checker) recordLost(bucket, what, subject string, m *bus.Msg, seen, end uint64) {
	c.lost(what, func(ctx context.Context) error {
		if err := c.advance(ctx, bucket, seen); err != nil {
			return err
		}
		if err := c.touch(ctx, subject, m); err != nil {
			return err
		}
		return c.conn.SetNote(ctx, topology.AuditLog, topology.NoteAccepted, strconv.FormatUint(end, 10))
	})
}

// deleteAgain repeats a deletion recorded in the audit log.
func (c *checker) deleteAgain(ctx context.Context, bucket, subject string, a audit, seen uint64) error {
	if err := errors.Join(c.advance(ctx, bucket, seen), c.touch(ctx, subject, nil)); err != nil {
		return err
	}
	c.report.repaired("%s: %s %q (%s) was deleted at %s and was there again: it was deleted again", bucket, a.event.Kind,
		a.event.Name, a.event.Resource, a.event.At.Time().UTC().Format(time.RFC3339))
	return nil
}
