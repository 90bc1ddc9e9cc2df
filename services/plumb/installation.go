package plumb

import (
	"context"
	"errors"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/seal"
	"plumbline.dev/services/plumb/datadir"
)

// Installation is what others need to know of a running process.
type Installation struct {
	Data       datadir.Dir
	Account    proto.Account
	Token      string // the first API token
	TokenKept  bool   // it lies in Data
	TokenMade  bool   // by this start
	APIURL     string
	AccessURL  string
	TeamDomain string
	NATSAddr   string
	AdminURL   string
}

// open reads what the directory keeps, and makes at first start what is not there.
func (s *Service) open() (secrets, error) {
	d := s.installation.Data
	var keys secrets
	var err1, err2, err3, err4, err5 error
	s.installation.Account, err1 = d.Account(s.cfg.Account)
	s.installation.Token, s.installation.TokenMade, err2 = d.APIToken(s.cfg.BootstrapToken)
	s.installation.TokenKept = s.cfg.BootstrapToken == ""
	keys.fetcher, err3 = d.Identities("fetcher")
	keys.exchange, err4 = d.Identities("exchange")
	if err3 == nil {
		keys.sealTo, err5 = seal.RecipientsOf(keys.fetcher)
	}
	return keys, errors.Join(err1, err2, err3, err4, err5)
}

// Await gives the installation once every service is ready.
func (s *Service) Await(ctx context.Context) (Installation, error) {
	select {
	case <-s.ready:
		return s.installation, nil
	case <-ctx.Done():
		return Installation{}, context.Cause(ctx)
	}
}
