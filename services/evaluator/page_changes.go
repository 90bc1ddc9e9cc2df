package evaluator

import (
	"context"
	"fmt"
	"strconv"

	"plumbline.dev/bus"
	"plumbline.dev/bus/stage"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// pageChanges is the stage that requests the evaluation of a changed page, for each integration.
//
// The integrations are listed in the bucket, not in its view: the page is stored before they are listed, and an
// integration is stored before its pages are listed. If a page and an integration are new at the same time, the stage
// of one therefore sees the other.
func (s *Service) pageChanges(ctx context.Context) error {
	return stage.Consume(ctx, s.bus,
		s.stage("page_changes", topology.BucketStream(topology.Devices), topology.ConsumerPageChanges, 4), s.pageChanged)
}

func (s *Service) pageChanged(ctx context.Context, m *bus.Msg) error {
	key, err := topology.KeyOf(topology.Devices, m.Subject)
	if err != nil {
		return bus.Permanent(err)
	}
	account, page, err := topology.ParsePageKey(key)
	if err != nil {
		return bus.Permanent(err)
	}
	integrations, err := s.integrationsOf(ctx, account)
	if err != nil {
		return fmt.Errorf("integrations affected by page %d: %w", page, err)
	}
	var all []asked
	for id, revision := range integrations {
		all = append(all, asked{
			page:  topology.PageRef{Account: account, Integration: id, Page: page},
			input: proto.Input{Cause: proto.CausePage, PageRevision: m.Seq, ConfigRevision: revision},
			id:    strconv.FormatUint(m.Seq, 10),
		})
	}
	return s.ask(ctx, all)
}

// integrationsOf lists an account's integrations as currently stored in the bucket, each with a revision of its
// existence.
func (s *Service) integrationsOf(ctx context.Context, a proto.Account) (map[proto.ID]uint64, error) {
	bucket := topology.BucketStream(topology.Config)
	subjects, err := s.bus.Subjects(ctx, bucket,
		topology.BucketSubject(topology.Config, topology.ConfigKeysOf(a, topology.KindIntegration)))
	if err != nil {
		return nil, err
	}
	out := map[proto.ID]uint64{}
	for subject := range subjects {
		key, err := topology.KeyOf(topology.Config, subject)
		if err != nil {
			return nil, err
		}
		_, kind, id, err := topology.ParseConfigKey(key)
		if err != nil {
			s.log.Error("CONFIG holds an unknown key", "key", key, "err", err)
			continue
		}
		if r, ok := s.catalog.Integration(a, id); ok {
			out[id] = r.Revision
			continue
		}
		revision, exists, err := s.store.resource(ctx, a, kind, id)
		if err != nil {
			return nil, err
		}
		if exists {
			out[id] = revision
		}
	}
	return out, nil
}
