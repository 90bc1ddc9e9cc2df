package integration

import (
	"fmt"
	"html/template"
	"strconv"
	"time"

	"plumbline.dev/services/console/chart"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// Polls on the screen of an integration, and on the page of all polls.
const (
	fewPolls  = 5
	manyPolls = 50
)

// pollRow is a poll in the timeline.
type pollRow struct {
	client.PastPoll
	Lane template.HTML
}

// Path returns the address of the poll's details below the integration's.
func (p pollRow) Path() string {
	return "polls/" + strconv.FormatUint(p.Tick, 10) + "?at=" + p.BeganAt.UTC().Format(time.RFC3339)
}

// timeline is the data of the list of polls.
type timeline struct {
	ID    string
	Rows  []pollRow
	Whole bool // the page of all polls
	More  bool
}

func polls(r *frame.Request) error {
	t := &timeline{ID: r.PathValue("id"), Whole: r.URL.Query().Get("all") != ""}
	limit := fewPolls
	if t.Whole {
		limit = manyPolls
	}
	all, err := r.API.Polls(r.Context(), t.ID, limit)
	if err != nil {
		return err
	}
	t.More = len(all) == limit && !t.Whole
	var longest time.Duration
	for _, p := range all {
		longest = max(longest, wholeOf(p.Value))
	}
	for _, p := range all {
		t.Rows = append(t.Rows, pollRow{p.Value, lane(p.Value, longest)})
	}
	if r.Fragmented() {
		return r.Page(frame.Page{Set: set, Name: "polls-page", Data: t})
	}
	i, err := r.API.Integrations.Get(r.Context(), t.ID)
	if err != nil {
		return err
	}
	return r.Page(frame.Page{Title: "Polls", Nav: root, Set: set, Name: "polls-page", Data: t,
		Crumbs: []frame.Crumb{{Text: "Integrations", Path: root}, {Text: i.Value.Name, Path: root + "/" + t.ID}}})
}

// phases returns the phases of a poll in their order.
func phases(p client.PastPoll) []chart.Span {
	var plan int64
	if p.PlanMS != nil {
		plan = *p.PlanMS
	}
	return []chart.Span{{Class: "l1", Name: "plan", Took: milliseconds(plan)},
		{Class: "l2", Name: "calls", Took: milliseconds(p.CallsMS)},
		{Class: "l3", Name: "evaluate and log", Took: milliseconds(p.EvaluateMS)}}
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// wholeOf returns the time of all phases of a poll.
func wholeOf(p client.PastPoll) (sum time.Duration) {
	for _, s := range phases(p) {
		sum += s.Took
	}
	return sum
}

// lane draws a poll beside others, the longest of which takes the whole width.
func lane(p client.PastPoll, longest time.Duration) template.HTML {
	all := phases(p)
	return chart.Lane(fmt.Sprintf("Poll %d: plan %v, calls %v, evaluate and log %v", p.Tick, all[0].Took, all[1].Took,
		all[2].Took), longest, all)
}

// pollDetail is the data of the page of one poll.
type pollDetail struct {
	ID, Name string
	pollRow
	Phases []chart.Span
}

// Succeeded returns the number of pages whose call succeeded.
func (p *pollDetail) Succeeded() int { return p.Pages - p.Failed }

// poll shows the details of a poll. The query has the time when it began, so that an old one is found without reading
// the log up to now.
func poll(r *frame.Request) error {
	id := r.PathValue("id")
	i, err := r.API.Integrations.Get(r.Context(), id)
	if err != nil {
		return err
	}
	tick, err := strconv.ParseUint(r.PathValue("tick"), 10, 64)
	if err != nil {
		return frame.NotFound("A poll is named by the number of its tick.")
	}
	all, err := around(r, id)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.Value.Tick == tick {
			d := &pollDetail{ID: id, Name: i.Value.Name, Phases: phases(p.Value),
				pollRow: pollRow{p.Value, lane(p.Value, wholeOf(p.Value))}}
			return r.Page(frame.Page{Title: "Poll " + strconv.FormatUint(tick, 10), Nav: root, Set: set, Name: "poll", Data: d,
				Crumbs: []frame.Crumb{{Text: "Integrations", Path: root}, {Text: d.Name, Path: root + "/" + id},
					{Text: "Polls", Path: root + "/" + id + "/polls?all=1"}}})
		}
	}
	return frame.NotFound("The posture log has no such poll of this integration. It keeps 30 days.")
}

// nearPolls is the period before and after a poll in which its entries are.
const nearPolls = 10 * time.Minute

// around returns the polls near the time in the query, or the newest ones.
func around(r *frame.Request, id string) ([]client.Item[client.PastPoll], error) {
	at, err := time.Parse(time.RFC3339, r.URL.Query().Get("at"))
	if err != nil {
		return r.API.Polls(r.Context(), id, manyPolls)
	}
	return r.API.PollsBetween(r.Context(), id, at.Add(-time.Minute), at.Add(nearPolls))
}
