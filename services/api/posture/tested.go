package posture

import (
	"context"
	"errors"
	"net/http"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

func (s *API) testRoutes() []v4.Route {
	// The response has devices and their scores.
	return []v4.Route{{Method: http.MethodPost, Path: v4.AccountPath + "/plumbline/integrations/test",
		Scope: permission.Posture, Also: []v4.Permission{{Scope: permission.Devices}, {Scope: permission.Results}},
		Handle: s.test}}
}

// Bounds of the devices of a test.
const (
	testedDevices    = 5 // if the request names none
	maxTestedDevices = 100
)

// testRequest is the body of a test.
type testRequest struct {
	stored  *proto.ID // the integration that is changed; nil: a new one
	body    v4.Object // the members that change, or a whole integration; nil: none
	devices *[]proto.ID
}

func readTest(c *v4.Call) (q testRequest, err error) {
	body, err := c.Object()
	if err != nil {
		return q, err
	}
	text, err := body.Text("integration_id")
	if err != nil {
		return q, err
	}
	if text != "" {
		id, err := proto.ParseID(text)
		if err != nil {
			return q, v4.Invalid("integration_id must be the id of an integration")
		}
		q.stored = &id
	}
	if q.body, err = body.Member("integration"); err != nil {
		return q, err
	}
	if q.stored == nil && q.body == nil {
		return q, v4.Invalid("integration_id or integration is required")
	}
	if body.Has("device_ids") {
		ids, err := readDeviceIDs(body)
		if err != nil {
			return q, err
		}
		q.devices = &ids
	}
	return q, nil
}

func readDeviceIDs(body v4.Object) ([]proto.ID, error) {
	if err := v4.CheckMembers(body, map[string]v4.MemberKind{"device_ids": v4.StringsMember}); err != nil {
		return nil, err
	}
	texts := v4.Strings(body["device_ids"])
	if len(texts) > maxTestedDevices {
		return nil, v4.Invalid("device_ids has %d ids, at most %d are allowed", len(texts), maxTestedDevices)
	}
	ids := make([]proto.ID, 0, len(texts))
	for n, text := range texts {
		id, err := proto.ParseID(text)
		if err != nil {
			return nil, v4.Invalid("device_ids[%d] must be the id of a device", n)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// test implements the test of an integration before it is saved. A fetcher makes the call with its own rules about
// addresses, certificates, proxies and limits: the control plane neither opens a stored secret nor calls a scoring API.
// The integration is validated as for saving, and so a stored secret is never sent to another host.
func (s *API) test(ctx context.Context, c *v4.Call) (v4.Response, error) {
	q, err := readTest(c)
	if err != nil {
		return v4.Response{}, err
	}
	done, err := s.tests.begin(c.Account, s.store.Clock.Now())
	if err != nil {
		return v4.Response{}, err
	}
	defer done()
	if err := s.store.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	i, err := s.draftIntegration(c.Account, &q)
	if err != nil {
		return v4.Response{}, err
	}
	devices, err := s.devicesToTest(ctx, c.Account, q.devices)
	if err != nil {
		return v4.Response{}, err
	}
	told := store.Change{Action: store.ActionTest, Kind: string(topology.KindIntegration), Name: i.Name}
	if q.stored != nil {
		told.ID = i.ID.String()
	}
	event := testedEvent{APIURL: i.APIURL, Devices: len(devices)}
	told.After = event
	action, err := s.store.BeginAction(ctx, c.Account, told)
	if err != nil {
		return v4.Response{}, err
	}
	answer, err := s.testCall(ctx, c.Account, i, devices)
	if err != nil {
		action.Settle(ctx, v4.Rejected(err))
		return v4.Response{}, err
	}
	event.Error, event.HTTPStatus = reasonText(answer.Poll.Error), answer.Poll.Status
	told.After = event
	action.End(ctx, told)
	return v4.OK(s.viewTest(c.Account, i, q.stored != nil, devices, answer)), nil
}

// testedEvent is a test in the audit log.
type testedEvent struct {
	APIURL     string `json:"api_url"`
	Devices    int    `json:"devices"`
	Error      string `json:"error"` // empty if the test passed, or its result is unknown
	HTTPStatus int    `json:"http_status"`
}

// draftIntegration returns the integration that saving the request would store.
func (s *API) draftIntegration(a proto.Account, q *testRequest) (*proto.Integration, error) {
	i := proto.Integration{ID: proto.NewID()}
	var old *proto.Integration
	if q.stored != nil {
		record, found := s.store.Catalog.Integration(a, *q.stored)
		if !found {
			return nil, errNoIntegration
		}
		old, i = record.Value, *record.Value
	}
	if q.body != nil {
		change, err := s.readIntegration(q.body, old)
		if err == nil {
			err = change.seal(s.cfg.SealTo, i.ID)
		}
		if err != nil {
			return nil, err
		}
		change.apply(&i)
	}
	if i.Type != proto.TypeCustomS2S {
		return nil, invalidIntegration(
			"integrations of type %s are stored but not polled, so there is no call to test",
			i.Type,
		)
	}
	return &i, nil
}

// devicesToTest returns the devices of a test in the order of the inventory: the ones with the ids, or the first ones
// if ids is nil.
func (s *API) devicesToTest(ctx context.Context, a proto.Account, ids *[]proto.ID) ([]proto.Device, error) {
	if ids != nil && len(*ids) == 0 {
		return nil, nil
	}
	if err := s.device.Fresh(ctx); err != nil {
		return nil, err
	}
	query, most := device.Query{Active: true}, testedDevices
	if ids != nil {
		query.IDs, most = *ids, len(*ids)
	}
	found, err := s.device.List(ctx, a, &query, most)
	if err != nil {
		return nil, err
	}
	devices, present := make([]proto.Device, len(found)), map[proto.ID]bool{}
	for n := range found {
		devices[n] = *found[n].Device
		present[devices[n].ID] = true
	}
	for n, id := range query.IDs {
		if !present[id] {
			return nil, v4.Invalid("device_ids[%d]: no enrolled device has the id %s", n, id)
		}
	}
	return devices, nil
}

// testCall has a fetcher make the call of a test.
func (s *API) testCall(ctx context.Context, a proto.Account, i *proto.Integration,
	devices []proto.Device) (*proto.ProbeAnswer, error) {
	q, err := s.probeOf(ctx, a, i)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ProbeTimeout)
	defer cancel()
	answer := new(proto.ProbeAnswer)
	q.Page, q.Report = &proto.Page{Devices: devices}, true
	err = s.askFetcher(ctx, topology.Probe(a), q, answer)
	switch {
	case errors.Is(err, bus.ErrNoResponders):
		s.probes.WithLabelValues("no_fetcher").Inc()
		return nil, noFetcher(
			err,
			"the scoring API could not be tested because no fetcher is running: start one, then try again",
		)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, bus.ErrTimeout):
		s.probes.WithLabelValues("no_answer").Inc()
		return nil, noFetcher(err, "the scoring API could not be tested: no fetcher reported within %v; try again",
			s.cfg.ProbeTimeout)
	case err != nil:
		return nil, err
	case answer.Report == nil && answer.Poll.Error == proto.ReasonNone:
		return nil, noFetcher(nil, "the fetchers are of an earlier version that cannot report about a test: upgrade them")
	}
	result := reasonText(answer.Poll.Error)
	if result == "" {
		result = "ok"
	}
	s.probes.WithLabelValues(result).Inc()
	return answer, nil
}
