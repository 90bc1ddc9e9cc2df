// Package posture serves device posture: integrations, checks (the posture rules of the v4 API), polls, and the
// results and the posture log that come of them.
package posture

import (
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/overview"
)

// Config says which integrations are taken.
type Config struct {
	// SealTo are the fetchers' recipients: the secrets of integrations are sealed to them.
	SealTo []age.Recipient
	// MinInterval is the shortest interval that an integration may have.
	MinInterval time.Duration
	// FreeSecretHost keeps the secret of an integration when the host of its URL changes.
	FreeSecretHost bool
	// ProbeTimeout bounds the test call of an integration that is to be saved.
	ProbeTimeout time.Duration
}

// Deps are what the API works with.
type Deps struct {
	Store   *store.Store
	Device  *device.API
	Streams *v4.Streams
	// CheckUsers returns the names of the policies and groups that require a check.
	CheckUsers func(a proto.Account, check proto.ID) []string
	Probes     *prometheus.CounterVec // by result
	Following  prometheus.Gauge       // clients that follow results
}

// API serves device posture. It is safe for concurrent use.
type API struct {
	cfg        Config
	store      *store.Store
	device     *device.API
	streams    *v4.Streams
	checkUsers func(proto.Account, proto.ID) []string
	probes     *prometheus.CounterVec
	following  prometheus.Gauge
	Overview   *overview.Overview // of the newest entries
}

// New returns the API of device posture.
func New(cfg Config, d Deps) *API {
	a := &API{
		cfg: cfg, store: d.Store, device: d.Device, streams: d.Streams, checkUsers: d.CheckUsers, probes: d.Probes,
		following: d.Following, Overview: overview.New(d.Store.Conn),
	}
	a.register()
	return a
}
