package evaluator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
)

// An evaluation is one input on its way to an entry.
type evaluation struct {
	*evaluator
	ref      topology.PageRef
	in       *proto.Input
	storedAt proto.Millis
	// needPage and needConfig are the newest revisions seen by any evaluator: nothing older is used.
	needPage, needConfig uint64
	// hasPage and hasConfig are the revisions used in this round.
	hasPage, hasConfig uint64
	again              bool
	// readEntry and readPage are set if the cache must not be used.
	readEntry, readPage bool
	written             bool
}

// maxRounds limits the restarts of an evaluation. A round fails if another evaluator stored an entry, or if the page or
// the configuration changed.
const maxRounds = 20

var errBusy = fmt.Errorf("%d times another evaluator was first, or something had changed meanwhile", maxRounds)

// evaluate updates a page with an input that the server stored at storedAt. again is set if the input is a redelivery.
// evaluate returns once an entry is stored, or none is needed.
func (e *evaluator) evaluate(ctx context.Context, p topology.PageRef, in *proto.Input, storedAt proto.Millis,
	again bool) (fold.Reason, error) {
	v := evaluation{evaluator: e, ref: p, in: in, storedAt: storedAt, again: again,
		needPage: in.PageRevision, needConfig: in.ConfigRevision}
	for range maxRounds {
		reason, done, err := v.round(ctx)
		switch {
		case err != nil:
			return reason, err
		case done && v.written:
			return fold.Written, nil
		case done:
			return reason, nil
		}
	}
	e.entries.Remove(p) // the next attempt does not use the cache
	return fold.Unchanged, errBusy
}

// round makes one attempt. done is false if the attempt must be repeated from newer data.
func (v *evaluation) round(ctx context.Context) (why fold.Reason, done bool, err error) {
	last, remembered, err := v.last(ctx)
	if err != nil {
		return why, false, err
	}
	if last.entry != nil {
		v.needPage, v.needConfig = max(v.needPage, last.entry.PageRevision), max(v.needConfig, last.entry.ConfigRevision)
	}
	page, rememberedPage, err := v.inventory(ctx)
	if err != nil {
		return why, false, err
	}
	config, err := v.config(ctx, v.ref, v.needConfig)
	if err != nil {
		return why, false, err
	}
	// The server's time of the input limits a slow clock.
	now := max(proto.At(v.clock.Now()), v.storedAt)
	v.hasPage, v.hasConfig = page.Revision, config.Revision
	step := fold.Next(last.entry, v.in, fold.Basis{Page: page, Config: config, StoredAt: v.storedAt, Now: now})
	switch {
	case step.Reason == fold.StalePage || step.Reason == fold.StaleConfig:
		return step.Reason, false, fmt.Errorf("the view is older than the page's last evaluation: %s", step.Reason)
	case step.Entry == nil && remembered:
		v.readEntry = true
		return step.Reason, false, nil
	case step.Entry == nil:
		news, err := v.news(ctx, last.entry, last.entry, false)
		return step.Reason, !news, err
	case step.Members && rememberedPage:
		v.readPage = true
		return step.Reason, false, nil
	}
	signer, err := v.signer()
	if err != nil {
		return step.Reason, false, err
	}
	as, err := publish(signer, v.ref, &step, last.digest)
	if err != nil {
		return step.Reason, false, err
	}
	seq, err := v.commit(ctx, v.ref, &step, as, last.expect)
	if errors.Is(err, bus.ErrConflict) {
		v.metrics.conflicts.Inc()
		v.readEntry = true
		return step.Reason, false, v.wait(ctx, rand.N(5*time.Millisecond)) // or two evaluators stay in step
	}
	if err != nil {
		return step.Reason, false, err
	}
	v.entries.Add(v.ref, state{entry: step.Entry, seq: seq, expect: seq, digest: as.digest})
	v.metrics.committed(&step)
	v.written, v.readEntry = true, false
	news, err := v.news(ctx, last.entry, step.Entry, step.Members)
	return step.Reason, !news, err
}

// last returns the newest entry, from the cache if allowed. Expecting none protects for a short time only: the log may
// get an entry and lose it again. A missing entry is therefore read each time.
func (v *evaluation) last(ctx context.Context) (st state, remembered bool, err error) {
	known, ok := v.entries.Get(v.ref)
	if ok && !v.readEntry && known.expect != 0 {
		return known, true, nil
	}
	if st, err = v.newest(ctx, v.ref); err != nil {
		return state{}, false, err
	}
	if ok && known.seq > st.seq {
		// The read lags: the state's copy, or a replica's.
		if st.expect != 0 {
			st.expect = known.seq
		}
		st.entry, st.seq, st.digest = known.entry, known.seq, known.digest
	}
	v.entries.Add(v.ref, st)
	return st, false, nil
}

// pagePatience limits the wait for a replica to show a page seen elsewhere.
const pagePatience = time.Second

// inventory returns the page, at the required revision or a newer one.
func (v *evaluation) inventory(ctx context.Context) (page fold.Page, remembered bool, err error) {
	k := inventoryKey{v.ref.Account, v.ref.Page}
	known, ok := v.pages.Get(k)
	if ok && !v.readPage && known.Revision >= v.needPage {
		return known, true, nil
	}
	for pause := 10 * time.Millisecond; ; pause *= 2 {
		if page, err = v.page(ctx, v.ref); err != nil {
			return fold.Page{}, false, err
		}
		if known.Revision > page.Revision {
			page = known
		}
		if page.Revision >= v.needPage {
			v.pages.Add(k, page)
			return page, false, nil
		}
		if pause > pagePatience {
			return fold.Page{}, false, fmt.Errorf("the page is read at revision %d, while revision %d was seen",
				page.Revision, v.needPage)
		}
		if err := v.wait(ctx, pause); err != nil {
			return fold.Page{}, false, err
		}
	}
}

// news reports whether the configuration or the page changed after next was made, and requires that revision from now
// on. It checks the differences between next and prev: devices, if the set differs, and checks. The previous handler of
// a redelivered message may not have checked, so then everything is checked.
func (v *evaluation) news(ctx context.Context, prev, next *proto.Entry, members bool) (bool, error) {
	if next == nil || next.Closed {
		return false, nil // removed devices do not come back
	}
	first := prev == nil || prev.Closed || v.again
	if first || members {
		page, err := v.page(ctx, v.ref)
		if err != nil {
			return false, err
		}
		v.needPage = max(v.needPage, page.Revision)
	}
	if first {
		r, err := v.revision(ctx, v.ref.Account, topology.KindIntegration, v.ref.Integration)
		if err != nil {
			return false, err
		}
		v.needConfig = max(v.needConfig, r)
	}
	if first || !slices.Equal(prev.Checks, next.Checks) {
		for _, c := range next.Checks {
			if !first && slices.Contains(prev.Checks, c) {
				continue
			}
			r, err := v.revision(ctx, v.ref.Account, topology.KindCheck, c.ID)
			if err != nil {
				return false, err
			}
			v.needConfig = max(v.needConfig, r)
		}
	}
	if err := v.newsOfEnforcement(ctx, prev, next, first); err != nil {
		return false, err
	}
	return v.needPage > v.hasPage || v.needConfig > v.hasConfig, nil
}

// newsOfEnforcement requires the newest revisions of the exemptions and the account's settings that came or went.
func (v *evaluation) newsOfEnforcement(ctx context.Context, prev, next *proto.Entry, first bool) error {
	need := func(kind topology.Kind, id proto.ID) error {
		r, err := v.revision(ctx, v.ref.Account, kind, id)
		v.needConfig = max(v.needConfig, r)
		return err
	}
	if prev == nil {
		prev = new(proto.Entry)
	}
	if first || prev.Observe != next.Observe {
		if err := need(topology.KindOrganization, topology.OrganizationID(v.ref.Account)); err != nil {
			return err
		}
	}
	known := func(all []proto.ExemptionRef, x proto.ExemptionRef) bool {
		return slices.ContainsFunc(all, func(r proto.ExemptionRef) bool { return r.ID == x.ID && r.Revision == x.Revision })
	}
	for _, x := range next.Exemptions {
		if first || !known(prev.Exemptions, x) {
			if err := need(topology.KindExemption, x.ID); err != nil {
				return err
			}
		}
	}
	for _, x := range prev.Exemptions {
		if !known(next.Exemptions, x) {
			if err := need(topology.KindExemption, x.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
