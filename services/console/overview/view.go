package overview

import (
	"html/template"
	"slices"
	"time"

	"plumbline.dev/services/console/chart"
	"plumbline.dev/services/console/device"
	"plumbline.dev/services/console/hold"
	"plumbline.dev/services/plumb/client"
)

// view is the data of the screen.
type view struct {
	*client.Dashboard
	Holds     []client.Hold
	Waiting   []client.Hold // undecided
	Cards     []card
	More      int // checks without a card
	All       bool
	Pages     []pages
	Attention []attention
	NoHolds   bool // the person may not read them
}

// maxCards is how many checks have a card unless all are asked for.
const maxCards = 9

func newView(d *client.Dashboard, holds []client.Hold, now time.Time) view {
	v := view{Dashboard: d, Holds: holds, Attention: attentionOf(d, holds, now)}
	for _, h := range holds {
		if hold.Waits(h) {
			v.Waiting = append(v.Waiting, h)
		}
	}
	for _, c := range d.Checks {
		v.Cards = append(v.Cards, card{c})
	}
	// Checks with held outcomes come first, then those with the most failing devices.
	slices.SortStableFunc(v.Cards, func(a, b card) int {
		if (a.Held > 0) != (b.Held > 0) {
			return b.Held - a.Held
		}
		return b.Fail - a.Fail
	})
	for _, i := range d.Integrations {
		if i.Freshness != "" {
			v.Pages = append(v.Pages, pages{i, chart.ParseFreshness(i.Freshness)})
		}
	}
	return v
}

// Empty reports whether the account has nothing to show yet.
func (v view) Empty() bool { return len(v.Integrations) == 0 && len(v.Checks) == 0 && v.Devices == 0 }

// Shown returns the cards to show.
func (v view) Shown() []card {
	if v.All {
		return v.Cards
	}
	return v.Cards[:min(len(v.Cards), maxCards)]
}

// Hidden returns the number of checks without a card.
func (v view) Hidden() int { return len(v.Cards) - len(v.Shown()) }

// card is a check.
type card struct{ client.CheckState }

// With returns the path of the devices for which the check has a state.
func (c card) With(state string) string { return device.WithState(c.Name, state) }

// Spark draws the devices that passed after the last polls.
func (c card) Spark() template.HTML {
	var values []float64
	for _, p := range c.Past {
		values = append(values, float64(p.Pass))
	}
	return chart.Spark(append(values, float64(c.Pass)))
}

// Bar draws the devices by outcome.
func (c card) Bar() template.HTML {
	return chart.Bar("Devices by outcome", []chart.Part{{Class: "b-pass", Name: "pass", N: c.Pass},
		{Class: "b-fail", Name: "fail", N: c.Fail}, {Class: "b-unk", Name: "unknown", N: c.Unknown}})
}

// pages is the freshness of an integration's pages.
type pages struct {
	client.DashboardIntegration
	Fresh []chart.Freshness
}

// Map draws the pages.
func (p pages) Map() template.HTML {
	return chart.PageMap("Age of the newest answer, one square a page of 1,000 devices", p.Fresh)
}

// Counts returns the number of pages of each freshness.
func (p pages) Counts() []chart.PageCount { return chart.CountPages(p.Fresh) }

// Pill returns the kind and the word of the integration's state.
func (p pages) Pill() [2]string { return standing(p.DashboardIntegration) }

func standing(i client.DashboardIntegration) [2]string {
	switch {
	case i.Overdue:
		return [2]string{"fail", "Overdue"}
	case i.Paused:
		return [2]string{"unk", "Paused"}
	case i.Poll != nil && i.Poll.Failed > 0:
		return [2]string{"fail", "Failing"}
	case i.Standing == "on_time":
		return [2]string{"pass", "On time"}
	}
	return [2]string{"unk", "Idle"}
}
