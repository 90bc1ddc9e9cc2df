package enforcement

import "plumbline.dev/services/api/resource"

// Active returns the number of active exemptions of all accounts.
func (s *API) Active() (n float64) {
	for _, r := range s.store.Catalog.AllExemptions() {
		if s.device.IsActive(r.Account, r.Value) {
			n++
		}
	}
	return n
}

// Observing returns the number of accounts with the observe switch on.
func (s *API) Observing() (n float64) {
	for _, r := range s.store.Catalog.Organizations() {
		if resource.Observing(s.store, r.Account) != nil {
			n++
		}
	}
	return n
}
