package creds

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"plumbline.dev/bus/topology"
)

// StopDeliveries removes a follower's push consumers. Its position is kept in a pull consumer, which remains. The
// messages of a push consumer never reach a follower, because they stay in the account of the copies. There, however,
// the consumer can take messages of another follower, even after its owner was revoked and disconnected.
func (a *Authority) StopDeliveries(ctx context.Context, url, name string, more ...nats.Option) error {
	var allow []string
	consumers := a.consumersOf(name)
	for _, on := range consumers {
		allow = append(allow, "$JS.API.CONSUMER.INFO."+on, "$JS.API.CONSUMER.DELETE."+on)
	}
	token, seed, err := a.short(string(topology.Mirror), jwt.Permissions{
		Pub: jwt.Permission{Allow: allow}, Sub: jwt.Permission{Allow: []string{"_INBOX.>"}},
	}, time.Minute)
	if err != nil {
		return err
	}
	options := append([]nats.Option{nats.Name("plumbline-authority"), nats.UserJWTAndSeed(token, seed)}, more...)
	nc, err := nats.Connect(url, options...)
	if err != nil {
		return fmt.Errorf("connect to NATS at %s: %w", url, err)
	}
	defer nc.Close()
	for _, on := range consumers {
		if err := stopDelivery(ctx, nc, on); err != nil {
			return fmt.Errorf("push consumers of follower %s: %s: %w", name, on, err)
		}
	}
	return nil
}

// consumersOf returns the consumers a follower may create with credentials of this or an earlier version, as
// "STREAM.name".
func (a *Authority) consumersOf(name string) []string {
	var all []string
	consumers := slices.Concat(topology.FollowerConsumers(name, a.followerKey(name)),
		topology.FormerFollowerConsumers(name))
	for _, stream := range topology.Mirrors(topology.Options{}) {
		for _, consumer := range consumers {
			all = append(all, stream.Name+"."+consumer)
		}
	}
	return all
}

// stopDelivery removes a consumer if it exists and delivers to a subject.
func stopDelivery(ctx context.Context, nc *nats.Conn, on string) error {
	m, err := nc.RequestWithContext(ctx, "$JS.API.CONSUMER.INFO."+on, nil)
	if err != nil {
		return err
	}
	var info struct {
		Error *struct {
			Code        int    `json:"code"`
			Description string `json:"description"`
		} `json:"error"`
		Config struct {
			DeliverSubject string `json:"deliver_subject"`
		} `json:"config"`
	}
	if err := json.Unmarshal(m.Data, &info); err != nil {
		return err
	}
	switch e := info.Error; {
	case e != nil && e.Code == 404:
		return nil
	case e != nil:
		return fmt.Errorf("%s", e.Description)
	case info.Config.DeliverSubject == "":
		return nil
	}
	if m, err = nc.RequestWithContext(ctx, "$JS.API.CONSUMER.DELETE."+on, nil); err != nil {
		return err
	}
	return refused(m.Data)
}
