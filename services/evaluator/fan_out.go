package evaluator

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// asked is an input for a page. ID lets the server drop a repetition.
type asked struct {
	page  topology.PageRef
	input proto.Input
	id    string
}

// inputsAtOnce bounds the memory of a fan-out.
const inputsAtOnce = 1000

// ask stores inputs; nil means all of them are stored.
func (s *Service) ask(ctx context.Context, all []asked) error {
	for some := range slices.Chunk(all, inputsAtOnce) {
		out := make([]bus.Outgoing, len(some))
		for i := range some {
			a := &some[i]
			out[i] = bus.Outgoing{Subject: topology.Scores(a.page), Body: &a.input,
				MsgID: fmt.Sprintf("%s:%s.%s.%d:%s", a.input.Cause, a.page.Account, a.page.Integration, a.page.Page, a.id)}
		}
		if err := errors.Join(s.bus.PublishAll(ctx, out)...); err != nil {
			return err
		}
		s.metrics.published.WithLabelValues(some[0].input.Cause.String()).Add(float64(len(some)))
	}
	return nil
}

// pagesOf lists the pages of an account. It includes every page stored before the call.
func (s *Service) pagesOf(ctx context.Context, a proto.Account) ([]topology.PageNumber, error) {
	subjects, err := s.bus.Subjects(ctx, topology.BucketStream(topology.Devices),
		topology.BucketSubject(topology.Devices, topology.PageKeys(a)))
	if err != nil {
		return nil, err
	}
	var pages []topology.PageNumber
	for subject := range subjects {
		key, err := topology.KeyOf(topology.Devices, subject)
		if err != nil {
			return nil, err
		}
		_, n, err := topology.ParsePageKey(key)
		if err != nil {
			return nil, err
		}
		pages = append(pages, n)
	}
	slices.Sort(pages)
	return pages, nil
}

// evaluatedPages returns the pages of an integration with an entry, in the log or the state.
func (s *Service) evaluatedPages(ctx context.Context, a proto.Account,
	integration proto.ID) (map[topology.PageNumber]bool, error) {
	pages := map[topology.PageNumber]bool{}
	for _, stream := range []string{topology.PostureLog, topology.PostureState} {
		subjects, err := s.bus.Subjects(ctx, stream, topology.LogOfIntegration(a, integration))
		if err != nil {
			return nil, err
		}
		for subject := range subjects {
			p, err := topology.ParsePage(subject)
			if err != nil {
				return nil, err
			}
			pages[p.Page] = true
		}
	}
	return pages, nil
}
