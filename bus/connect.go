package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"plumbline.dev/bus/topology"
)

// Config says how to reach NATS and as whom.
type Config struct {
	URL string // nats://host:port, several separated by commas
	// Creds is the path of a credentials file; empty where the server asks for none, or InProcess is set.
	Creds string
	Role  topology.Role
	// Follower is the name of the follower that the credentials are for; empty: the name in the file Creds. It is
	// used by the role [topology.Follower] alone.
	Follower string
	Log      *slog.Logger
	// Ping is how often the server is asked whether it is there; 0 means [DefaultPing]. A server that answers
	// none of two pings has vanished: the connection is made anew, with another of the servers if there are any.
	Ping time.Duration
	// Tracer records spans of what stages handle; nil: none are recorded, trace contexts are passed on.
	Tracer trace.TracerProvider
	// Options are added last: package embed connects in process with them.
	Options []nats.Option
}

// Conn is a connection of one role. It is safe for concurrent use. It reconnects for ever by itself.
type Conn struct {
	nc *nats.Conn
	js jetstream.JetStream
	// queue is that of [topology.Queue], as the operator reaches it.
	queue jetstream.JetStream
	role  topology.Role
	name  string // of the user
	log   *slog.Logger
	// tracer makes the spans of stages.
	tracer trace.Tracer
	// open bounds the atomic batches under way, below what the server allows a stream.
	open chan struct{}
	// monitors are those of its stages and watches.
	monitors monitors
	// draining are the stages that have ended and still hand messages back.
	draining sync.WaitGroup
	// unreadable counts the records that could not be decoded.
	unreadable unreadable
	// writes notes those that the server does not take.
	writes writes
}

// maxOpenBatches stays under the server's 50 for a stream, so that two services seldom meet ErrBusy.
const maxOpenBatches = 20

// DefaultPing is how often a connection asks whether its server is there.
const DefaultPing = 2 * time.Second

// requestTimeout bounds a request to JetStream where its context has no deadline.
const requestTimeout = 5 * time.Second

// maxPings is how many pings may be unanswered.
const maxPings = 2

// Connect waits until NATS answers or ctx ends. What no waiting changes is returned at once: a malformed URL,
// a credentials file that is missing, is none or has expired, and a login that the server refuses.
func Connect(ctx context.Context, cfg Config) (*Conn, error) {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	tracer := cfg.Tracer
	if tracer == nil {
		tracer = noop.NewTracerProvider()
	}
	if err := checkConfig(cfg); err != nil {
		return nil, fmt.Errorf("connect to NATS as %s: %w", cfg.Role, err)
	}
	name, inbox, err := identity(cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS as %s: %w", cfg.Role, err)
	}
	options := []nats.Option{
		nats.Name("plumbline-" + name),
		nats.CustomInboxPrefix(inbox),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, time.Second),
		nats.Timeout(2 * time.Second),
		nats.PingInterval(cmp.Or(cfg.Ping, DefaultPing)),
		nats.MaxPingsOutstanding(maxPings),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			// A denied publish shows here and nowhere else: its caller sees a timeout.
			args := []any{"err", err}
			if sub != nil {
				args = append(args, "subject", sub.Subject)
			}
			log.Error("NATS reports an error", args...)
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("lost the connection to NATS, trying again", "err", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) { log.Info("connected to NATS again", "server", nc.ConnectedServerName()) }),
	}
	if cfg.Creds != "" {
		options = append(options, nats.UserCredentials(cfg.Creds))
	}
	options = append(options, cfg.Options...)
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		nc, err := nats.Connect(cfg.URL, options...)
		if err == nil {
			// Without a timeout, a message whose answer is lost would take one of the places for ever.
			js, err1 := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(256), jetstream.WithPublishAsyncTimeout(publishTimeout),
				jetstream.WithDefaultTimeout(requestTimeout))
			queue, err2 := jetstream.NewWithAPIPrefix(nc, topology.Queue.APIPrefix(), jetstream.WithDefaultTimeout(requestTimeout))
			if err := errors.Join(err1, err2); err != nil {
				nc.Close()
				return nil, err
			}
			return &Conn{nc: nc, js: js, queue: queue, role: cfg.Role, name: name, log: log, tracer: tracer.Tracer(tracerName), open: make(chan struct{}, maxOpenBatches)}, nil
		}
		if advice := refused(err); advice != "" {
			return nil, fmt.Errorf("connect to NATS as %s: %w: %s", cfg.Role, err, advice)
		}
		log.Warn("NATS does not answer yet, trying again", "err", err, "in", wait)
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("connect to NATS as %s: %w", cfg.Role, errors.Join(context.Cause(ctx), err))
		case <-time.After(wait):
		}
	}
}

// awaitClosed waits until the connection is closed, by [Conn.Close] or for good by a server that refuses it, and
// reports whether it was; false where ctx ended first.
func (c *Conn) awaitClosed(ctx context.Context) bool {
	closed := c.nc.StatusChanged(nats.CLOSED)
	defer c.nc.RemoveStatusListener(closed)
	if c.nc.IsClosed() {
		return true
	}
	select {
	case <-closed:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// closed returns why the connection was closed.
func (c *Conn) closed() error {
	err := c.nc.LastError()
	if err == nil {
		return nats.ErrConnectionClosed
	}
	if advice := refused(err); advice != "" {
		return fmt.Errorf("%w: %w: %s", nats.ErrConnectionClosed, err, advice)
	}
	return fmt.Errorf("%w: %w", nats.ErrConnectionClosed, err)
}

// identity is the name of the connection's user, and what begins its inboxes.
func identity(cfg Config) (name, inbox string, err error) {
	if cfg.Role != topology.Follower {
		return string(cfg.Role), cfg.Role.InboxPrefix(), nil
	}
	name = cfg.Follower
	if name == "" && cfg.Creds != "" {
		file, err := os.ReadFile(cfg.Creds)
		if err != nil {
			return "", "", fmt.Errorf("credentials: %w", err)
		}
		token, err := jwt.ParseDecoratedJWT(file)
		if err != nil {
			return "", "", fmt.Errorf("credentials %s: %w", cfg.Creds, err)
		}
		claims, err := jwt.DecodeUserClaims(token)
		if err != nil {
			return "", "", fmt.Errorf("credentials %s: %w", cfg.Creds, err)
		}
		name = claims.Name
	}
	name = cmp.Or(name, string(topology.Follower))
	return name, topology.FollowerInbox(name), nil
}

// NATS is the connection itself, for requests and answers.
func (c *Conn) NATS() *nats.Conn { return c.nc }

// JetStream is the connection's JetStream: for the operator, the one of the pipeline's zone.
func (c *Conn) JetStream() jetstream.JetStream { return c.js }

// JetStreamOf is the JetStream that has a stream. To the operator, that of a stream of another zone has another prefix.
func (c *Conn) JetStreamOf(stream string) jetstream.JetStream {
	if c.role == topology.Operator && topology.ZoneOfStream(stream) != topology.Pipeline {
		return c.queue
	}
	return c.js
}

// CommandInbox is a new subject for the answers to commands to the registry.
func (c *Conn) CommandInbox() string { return topology.CommandAnswers(c.role) + "." + nuid.Next() }

// Connected reports whether there is a connection to a server now.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

// Ready tells why the bus cannot be used now; nil when it can.
func (c *Conn) Ready(ctx context.Context) error {
	if !c.nc.IsConnected() {
		return fmt.Errorf("NATS is %s", c.nc.Status())
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := c.nc.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("NATS does not answer: %w", err)
	}
	return errors.Join(c.Stalled(), c.Unwritable())
}

// Close lets what is under way go out, for a second at most, and closes. In a cluster it first waits until the server has
// answered the requests of stages that have ended, for five seconds at most.
func (c *Conn) Close() {
	c.draining.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.nc.FlushWithContext(ctx)
	c.nc.Close()
}
