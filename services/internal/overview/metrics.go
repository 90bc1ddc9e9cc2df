package overview

import (
	"errors"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
)

// Register registers the metrics of every integration: whether it is overdue or paused, its age, its pages, devices
// and results. If another service in the process has already registered them, those stay.
func Register(r prometheus.Registerer, o *Overview, integrations func() []catalog.Record[proto.Integration],
	c clock.Clock) error {
	err := r.Register(&collector{overview: o, integrations: integrations, clock: c})
	if errors.As(err, new(prometheus.AlreadyRegisteredError)) {
		return nil
	}
	return err
}

type collector struct {
	overview     *Overview
	integrations func() []catalog.Record[proto.Integration]
	clock        clock.Clock
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("plumbline_integration_"+name, help, append([]string{"integration"}, labels...), nil)
}

var (
	infoDesc     = desc("info", "Always 1, with the name of an integration.", "name")
	overdueDesc  = desc("overdue", "1 if any page was not polled within twice the interval.")
	pausedDesc   = desc("paused", "1 while the integration is paused.")
	ageDesc      = desc("age_seconds", "Time since the last poll of the page polled least recently.")
	pagesDesc    = desc("pages", "Pages of devices.")
	failedDesc   = desc("failed_pages", "Pages with a failed newest poll.")
	devicesDesc  = desc("devices", "Devices with a result.")
	resultsDesc  = desc("results", "Results over all checks, by outcome.", "outcome")
	enforcedDesc = desc("enforced_results", "Results with an outcome that is not by the score, by reason.", "reason")
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{infoDesc, overdueDesc, pausedDesc, ageDesc, pagesDesc, failedDesc, devicesDesc,
		resultsDesc, enforcedDesc} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	now := c.clock.Now()
	for _, r := range c.integrations() {
		id := r.Value.ID.String()
		a := c.overview.Integration(r.Account, r.Value.ID)
		standing, age := Judge(r.Value, a, now)
		gauge := func(d *prometheus.Desc, v float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{id}, labels...)...)
		}
		gauge(infoDesc, 1, strings.ToValidUTF8(r.Value.Name, "�"))
		gauge(overdueDesc, truth(standing == Overdue))
		gauge(pausedDesc, truth(r.Value.Paused))
		gauge(ageDesc, age.Seconds())
		gauge(pagesDesc, float64(a.Pages))
		gauge(failedDesc, float64(a.Failed))
		gauge(devicesDesc, float64(a.Devices))
		gauge(resultsDesc, float64(a.Pass), proto.OutcomePass.String())
		gauge(resultsDesc, float64(a.Fail), proto.OutcomeFail.String())
		gauge(resultsDesc, float64(a.Unknown), proto.OutcomeUnknown.String())
		gauge(enforcedDesc, float64(a.Enforced.ObserveOnly), proto.ReasonObserveOnly.String())
		gauge(enforcedDesc, float64(a.Enforced.Exempt), proto.ReasonExempt.String())
		gauge(enforcedDesc, float64(a.Enforced.Grace), proto.ReasonGrace.String())
		gauge(enforcedDesc, float64(a.Enforced.Held), proto.ReasonHeld.String())
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
