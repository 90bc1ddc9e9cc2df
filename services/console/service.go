package console

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"plumbline.dev/services/console/application"
	"plumbline.dev/services/console/assertion"
	"plumbline.dev/services/console/check"
	"plumbline.dev/services/console/destination"
	"plumbline.dev/services/console/device"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/console/hold"
	"plumbline.dev/services/console/integration"
	"plumbline.dev/services/console/live"
	"plumbline.dev/services/console/log"
	"plumbline.dev/services/console/login"
	"plumbline.dev/services/console/member"
	"plumbline.dev/services/console/overview"
	"plumbline.dev/services/console/palette"
	"plumbline.dev/services/console/session"
	"plumbline.dev/services/console/start"
	"plumbline.dev/services/console/system"
	"plumbline.dev/services/console/token"
	"plumbline.dev/services/internal/httpserve"
	"plumbline.dev/services/plumb/client"
)

// screens lists the screens. Each adds its routes.
var screens = []func(*frame.Frame){
	hold.Register,
	log.Register,
	login.Register,
	palette.Register,
	overview.Register,
	device.Register,
	check.Register,
	integration.Register,
	token.Register,
	application.Register,
	member.Register,
	start.Register,
	destination.Register,
	system.Register,
}

// Service is the console.
type Service struct {
	cfg      Config
	frame    *frame.Frame
	sessions *session.Store
	live     *live.Hub
	server   *httpserve.Server
}

// New returns the service. Nothing runs until [Service.Run].
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, sessions: session.NewStore(deps.Clock)}
	m, err := newMetrics(deps.Metrics, func() float64 { return float64(s.sessions.Len()) })
	if err != nil {
		return nil, err
	}
	sources := log.Sources(deps.Clock)
	sources[live.Status], sources[live.Results] = live.PollStatus(deps.Clock), live.FollowResults
	s.live = live.New(deps.Log, deps.Clock, sources)
	api := client.Config{URL: cfg.APIURL, Transport: transport(), Once: true}
	members := assertion.New(deps.Clock, func(p session.Person) client.Config { return p.Client(api) })
	f := frame.New(frame.Config{API: api}, frame.Deps{Log: deps.Log, Clock: deps.Clock, Sessions: s.sessions,
		Gateway: members, Live: s.live, Observe: m.answered})
	s.frame = f
	for _, register := range screens {
		register(f)
	}
	s.server = &httpserve.Server{Name: "console (--console-addr)", Addr: cfg.Addr, Log: deps.Log,
		Ending: s.live.Close, HTTP: &http.Server{
			Handler: f.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
			WriteTimeout: writeTime, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}}
	return s, nil
}

// writeTime is how long a request may take from its header until the browser has the response, so that one that reads
// nothing does not hold a connection. Live events and exports have it for each write, see [frame.Writer].
const writeTime = time.Minute

// transport returns the transport to the API. It ignores proxy variables.
func transport() *http.Transport {
	return &http.Transport{DialContext: (&net.Dialer{Timeout: 3 * time.Second}).DialContext, MaxIdleConns: 64,
		MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second, ForceAttemptHTTP2: true}
}

// Run serves until ctx ends.
func (s *Service) Run(ctx context.Context) error { return s.server.Run(ctx) }

// Handler returns the handler of the console.
func (s *Service) Handler() http.Handler { return s.server.HTTP.Handler }

// Addr returns the address that the service listens on; empty before it listens.
func (s *Service) Addr() string { return s.server.Bound() }

// Link returns the path of a one-time link that logs the holder of an API token in.
func (s *Service) Link(token string) string {
	return login.LinkFor(s.sessions, session.Person{Token: token})
}

// Ready returns an error if the service cannot handle requests. Without the control plane it can: it says so.
func (s *Service) Ready(context.Context) error {
	if s.Addr() == "" {
		return errors.New("the console is not listening yet")
	}
	return nil
}
