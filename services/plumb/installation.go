package plumb

import (
	"context"
	"errors"

	"filippo.io/age"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/seal"
	"plumbline.dev/services/plumb/datadir"
)

// Installation describes a running process to others.
type Installation struct {
	Data       datadir.Dir
	Account    proto.Account
	Token      string // the first API token
	TokenKept  bool   // it is stored in Data
	TokenMade  bool   // it was created by this start
	APIURL     string
	AccessURL  string
	TeamDomain string
	NATSAddr   string
	AdminURL   string
	ConsoleURL string // empty without a console
	// LoginURL is a one-time link that logs the holder of the first API token in to the console, or empty.
	LoginURL string
}

// open reads the files of the data directory, and creates the missing ones.
func (s *Service) open() (keys secrets, err error) {
	d := s.installation.Data
	var all [8]error
	s.installation.Account, all[0] = d.Account(s.cfg.Account)
	s.installation.Token, s.installation.TokenMade, all[1] = d.APIToken(s.cfg.BootstrapToken)
	s.installation.TokenKept = s.cfg.BootstrapToken == ""
	keys.fetcher, keys.sealTo, all[2] = sealing(d, "fetcher")
	keys.exchange, _, all[3] = sealing(d, "exchange")
	keys.gateway, keys.sealGateway, all[4] = sealing(d, "gateway")
	keys.evaluator, _, all[6] = sealing(d, "evaluator")
	keys.session, all[5] = d.SessionKey()
	keys.dispatcher, keys.sealDispatcher, all[7] = sealing(d, "dispatcher")
	return keys, errors.Join(all[:]...)
}

// sealing returns the identities of a service and the recipients that others encrypt secrets for.
func sealing(d datadir.Dir, service string) ([]age.Identity, []age.Recipient, error) {
	identities, err := d.Identities(service)
	if err != nil {
		return nil, nil, err
	}
	recipients, err := seal.RecipientsOf(identities)
	return identities, recipients, err
}

// Await returns the installation when every service is ready. Each call makes another link for the console.
func (s *Service) Await(ctx context.Context) (Installation, error) {
	select {
	case <-s.ready:
		i := s.installation
		if s.console != nil {
			i.LoginURL = i.ConsoleURL + s.console.Link(i.Token)
		}
		return i, nil
	case <-ctx.Done():
		return Installation{}, context.Cause(ctx)
	}
}
