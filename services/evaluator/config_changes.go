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

// configChanges is the stage that requests an evaluation of the pages affected by a changed integration, check,
// exemption or organization.
func (s *Service) configChanges(ctx context.Context) error {
	changes := s.stage("config_changes", topology.BucketStream(topology.Config), topology.ConsumerConfigChanges, 2)
	return stage.Consume(ctx, s.bus, changes, s.configChanged)
}

func (s *Service) configChanged(ctx context.Context, m *bus.Msg) error {
	key, err := topology.KeyOf(topology.Config, m.Subject)
	if err != nil {
		return bus.Permanent(err)
	}
	account, kind, id, err := topology.ParseConfigKey(key)
	if err != nil {
		return bus.Permanent(err)
	}
	body, ok := recordOf(kind)
	if !ok {
		return bus.Permanent(fmt.Errorf("a change of a %s", kind))
	}
	if !m.Deleted() {
		if err := m.Decode(body); err != nil {
			return err
		}
	}
	wait, cancel := context.WithTimeout(ctx, configPatience)
	defer cancel()
	if err := s.catalog.AwaitRevision(wait, m.Seq); err != nil {
		return err
	}
	var pages []topology.PageRef
	switch kind {
	case topology.KindIntegration:
		pages, err = s.pagesOfIntegrationChange(ctx, account, id, m.Deleted())
	case topology.KindExemption:
		pages, err = s.pagesOfExemptionChange(ctx, account, id)
	case topology.KindOrganization:
		pages, err = s.everyPage(ctx, account)
	default:
		pages, err = s.pagesOfCheckChange(ctx, account, id)
	}
	if err != nil {
		return fmt.Errorf("pages affected by the change of %s %s: %w", kind, id, err)
	}
	all := make([]asked, len(pages))
	for i, p := range pages {
		all[i] = asked{page: p, input: proto.Input{Cause: proto.CauseConfig, ConfigRevision: m.Seq},
			id: strconv.FormatUint(m.Seq, 10)}
		if !m.Deleted() && kind != topology.KindExemption {
			all[i].input.PageRevision = 1 // the page exists: it was listed
		}
	}
	return s.ask(ctx, all)
}

// pagesOfIntegrationChange returns the affected pages. An evaluation depends only on the existence of an integration. A
// new integration affects the pages without an entry over it, a removed one the pages with an entry, an edit no page.
func (s *Service) pagesOfIntegrationChange(ctx context.Context, a proto.Account, id proto.ID,
	removed bool) (out []topology.PageRef, err error) {
	evaluated, err := s.evaluatedPages(ctx, a, id)
	if err != nil {
		return nil, err
	}
	if removed {
		for n := range evaluated {
			out = append(out, topology.PageRef{Account: a, Integration: id, Page: n})
		}
		return out, nil
	}
	pages, err := s.pagesOf(ctx, a)
	if err != nil {
		return nil, err
	}
	for _, n := range pages {
		if !evaluated[n] {
			out = append(out, topology.PageRef{Account: a, Integration: id, Page: n})
		}
	}
	return out, nil
}

// pagesOfCheckChange returns the affected pages. A check without edits affects its own integration. An edited or
// removed check may have belonged to any other integration.
func (s *Service) pagesOfCheckChange(ctx context.Context, a proto.Account,
	id proto.ID) (out []topology.PageRef, err error) {
	pages, err := s.pagesOf(ctx, a)
	if err != nil {
		return nil, err
	}
	check, ok := s.catalog.Check(a, id)
	fresh := ok && check.Value.CreatedAt != 0 && check.Value.CreatedAt == check.Value.UpdatedAt
	if ok {
		if n := len(s.catalog.Checks(a, check.Value.Integration)); n > proto.MaxChecks {
			s.log.Warn("more checks over an integration than are evaluated: the first by id are, the others have no results",
				"integration", check.Value.Integration, "checks", n, "evaluated", proto.MaxChecks)
		}
	}
	for _, integration := range s.catalog.IntegrationsOf(a) {
		if fresh && integration.Value.ID != check.Value.Integration {
			continue
		}
		for _, n := range pages {
			out = append(out, topology.PageRef{Account: a, Integration: integration.Value.ID, Page: n})
		}
	}
	return out, nil
}

func recordOf(kind topology.Kind) (proto.Message, bool) {
	switch kind {
	case topology.KindIntegration:
		return new(proto.Integration), true
	case topology.KindCheck:
		return new(proto.Check), true
	case topology.KindExemption:
		return new(proto.Exemption), true
	case topology.KindOrganization:
		return new(proto.Organization), true
	}
	return nil, false
}

// pagesOfExemptionChange returns the page of an exemption's device, for each integration. The record of a deleted
// exemption no longer contains its page: if it was deleted before this process began, every page is affected.
func (s *Service) pagesOfExemptionChange(ctx context.Context, a proto.Account,
	id proto.ID) (out []topology.PageRef, err error) {
	page, ok := s.exempted.page(a, id)
	if !ok {
		return s.everyPage(ctx, a)
	}
	for _, integration := range s.catalog.IntegrationsOf(a) {
		out = append(out, topology.PageRef{Account: a, Integration: integration.Value.ID, Page: page})
	}
	return out, nil
}

// everyPage returns every page of the account, for each integration.
func (s *Service) everyPage(ctx context.Context, a proto.Account) (out []topology.PageRef, err error) {
	pages, err := s.pagesOf(ctx, a)
	if err != nil {
		return nil, err
	}
	for _, integration := range s.catalog.IntegrationsOf(a) {
		for _, n := range pages {
			out = append(out, topology.PageRef{Account: a, Integration: integration.Value.ID, Page: n})
		}
	}
	return out, nil
}
