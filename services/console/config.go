package console

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/services/internal/clock"
)

// Config configures the console.
type Config struct {
	Addr   string // listen address
	APIURL string // URL of the control plane: http://host:port
}

// Deps are the dependencies of the service.
type Deps struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Clock   clock.Clock
}

func (c Config) check() error {
	if c.Addr == "" {
		return errors.New("console: the listen address is missing")
	}
	u, err := url.Parse(c.APIURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("console: %q must be the URL of a control plane, such as http://127.0.0.1:8400", c.APIURL)
	}
	return nil
}
