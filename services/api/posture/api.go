// Package posture serves device posture: integrations, checks (posture rules in the v4 API), polls, results and the
// posture log.
package posture

import (
	"context"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/overview"
)

// Config configures the API of device posture.
type Config struct {
	// SealTo are the fetchers' recipients: the secrets of integrations are sealed to them.
	SealTo []age.Recipient
	// MinInterval is the shortest interval of an integration.
	MinInterval time.Duration
	// FreeSecretHost keeps the secret of an integration when the host of its URL changes.
	FreeSecretHost bool
	// ProbeTimeout bounds the test call before an integration is saved.
	ProbeTimeout time.Duration
}

// Deps are the dependencies of the API.
type Deps struct {
	Store   *store.Store
	Device  *device.API
	Streams *v4.Streams
	// CheckUsers returns the names of the policies and groups that require a check.
	CheckUsers func(a proto.Account, check proto.ID) []string
	// Flips returns how many outcomes of how many devices an edit of a check would flip.
	Flips func(ctx context.Context, a proto.Account, edited, old *proto.Check) (flips, devices int, err error)
	// Applications returns the applications with a policy that uses a check, by check.
	Applications func(proto.Account) map[proto.ID][]Application
	Probes       *prometheus.CounterVec // by result
	Following    prometheus.Gauge       // clients that follow results
}

// API serves device posture. It is safe for concurrent use.
type API struct {
	cfg        Config
	store      *store.Store
	device     *device.API
	streams    *v4.Streams
	checkUsers func(proto.Account, proto.ID) []string
	flips      func(ctx context.Context, a proto.Account, edited, old *proto.Check) (flips, devices int, err error)
	// applications returns the applications by the checks that their policies use.
	applications func(proto.Account) map[proto.ID][]Application
	probes       *prometheus.CounterVec
	following    prometheus.Gauge
	tests        *testLimit
	recent       *recentLines
	Overview     *overview.Overview // newest entry of each page

	integrations *resource.Kind[proto.Integration, *proto.Integration]
	checks       *resource.Kind[proto.Check, *proto.Check]
}

// New returns the API of device posture.
func New(cfg Config, d Deps) *API {
	a := &API{
		cfg: cfg, store: d.Store, device: d.Device, streams: d.Streams, checkUsers: d.CheckUsers, flips: d.Flips,
		applications: d.Applications, probes: d.Probes,
		following: d.Following, Overview: overview.New(d.Store.Conn),
		tests: newTestLimit(), recent: newRecentLines(),
	}
	a.integrations, a.checks = a.newIntegrations(), a.newChecks()
	a.integrations.Register()
	a.checks.Register()
	return a
}
