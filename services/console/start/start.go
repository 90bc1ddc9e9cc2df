package start

import (
	"context"
	"embed"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

//go:embed *.html
var files embed.FS

var set = frame.Parse(files)

// Register adds the screen.
func Register(f *frame.Frame) { f.Get("/start", show) }

// state is what the account has.
type state struct {
	Token, Application, Policy, Integration, Devices, Check, Polled, Used bool
	Partial                                                               bool // the person may not read all of it
}

// view is the data of the screen.
type view struct {
	Steps   []step
	Done    int
	Partial bool
}

// Next returns the number of the first open step, or 0 if there is none.
func (v view) Next() int {
	for _, s := range v.Steps {
		if !s.Done {
			return s.Number
		}
	}
	return 0
}

func show(r *frame.Request) error {
	s, err := read(r)
	if err != nil {
		return err
	}
	v := view{Steps: steps(s), Partial: s.Partial}
	for _, step := range v.Steps {
		if step.Done {
			v.Done++
		}
	}
	return r.Page(frame.Page{Title: "Start here", Nav: "/start", Set: set, Name: "start", Data: v})
}

// read finds out what the account has. What the person may not read counts as absent.
func read(r *frame.Request) (state, error) {
	var s state
	ctx := r.Context()
	tokens, err := readable(ctx, r.API.ServiceTokens, &s)
	if err != nil {
		return s, err
	}
	s.Token = len(tokens) > 0
	apps, err := readable(ctx, r.API.Applications, &s)
	if err != nil {
		return s, err
	}
	for _, a := range apps {
		s.Application = true
		for _, p := range a.Value.Policies {
			s.Policy = s.Policy || p.Decision == "non_identity"
			s.Used = s.Used || requires(p)
		}
	}
	integrations, err := readable(ctx, r.API.Integrations, &s)
	if err != nil {
		return s, err
	}
	s.Integration = slices.ContainsFunc(integrations, func(i client.Item[client.Integration]) bool {
		return i.Value.Type == proto.TypeCustomS2S
	})
	checks, err := readable(ctx, r.API.Checks, &s)
	if err != nil {
		return s, err
	}
	s.Check = slices.ContainsFunc(
		checks,
		func(c client.Item[client.Check]) bool { return c.Value.Type == proto.TypeCustomS2S },
	)
	devices, _, err := r.API.Devices(ctx, url.Values{"active_registrations": {"include"}}, 1)
	if err != nil && !s.denied(err) {
		return s, err
	}
	s.Devices = len(devices) > 0
	polls, err := r.API.Status(ctx)
	if err != nil && !s.denied(err) {
		return s, err
	}
	for _, p := range polls {
		s.Polled = s.Polled || p.Poll != nil && p.Poll.Devices > 0
	}
	return s, nil
}

// requires reports whether a policy requires a posture check.
func requires(p client.Policy) bool {
	return slices.ContainsFunc(slices.Concat(p.Include, p.Require), func(rule client.Rule) bool {
		_, posture := rule["device_posture"]
		return posture
	})
}

// denied notes that the person may not read something, and reports whether that is what an error says.
func (s *state) denied(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	denied := ok && e.Status == http.StatusForbidden
	s.Partial = s.Partial || denied
	return denied
}

func readable[T client.Named](ctx context.Context, c client.Collection[T], s *state) ([]client.Item[T], error) {
	all, err := c.List(ctx)
	if err != nil && s.denied(err) {
		return nil, nil
	}
	return all, err
}
