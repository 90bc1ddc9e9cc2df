package store

import (
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// writtenKeys returns the keys that a write changes.
func writtenKeys(bucket string, w Write) []proto.AuditRecord {
	subject := topology.BucketSubject(bucket, w.Key)
	if w.MoveTo == "" {
		return []proto.AuditRecord{{Subject: subject, Replaced: w.Prior.Revision, Deleted: w.After == nil}}
	}
	return []proto.AuditRecord{{Subject: subject, Replaced: w.Prior.Revision, Deleted: true},
		{Subject: topology.BucketSubject(bucket, w.MoveTo)}}
}

// replaces updates, in events that are not stored yet, the revision replaced by a write to a subject.
func replaces(events []*proto.AuditEvent, subject string, revision uint64) {
	for _, e := range events {
		for i := range e.Records {
			if e.Records[i].Subject == subject {
				e.Records[i].Replaced = revision
			}
		}
	}
}
