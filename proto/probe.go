package proto

// Probe asks a fetcher to call a scoring API ("Test and save"), on posture.probe.<account>.
type Probe struct {
	Integration ID     `msgpack:"integration"`
	APIURL      string `msgpack:"api_url"`
	ClientID    string `msgpack:"client_id"`
	// SealedSecret is as in [Integration].
	SealedSecret []byte `msgpack:"sealed_secret"`
	// ConfigRevision is the newest revision of an integration or an application seen by the sender, 0 if unknown. The
	// fetcher uses nothing older, so an API of a new application never receives the secret.
	ConfigRevision uint64 `msgpack:"config_revision"`
	// AccessRevision and TokensRevision are the revisions seen by the sender for the fetcher's request to the exchange:
	// see [ServiceExchange]. A sender of an earlier version leaves them at 0.
	AccessRevision uint64 `msgpack:"access_revision"`
	TokensRevision uint64 `msgpack:"tokens_revision"`
	// Page has the devices of the request; nil: none.
	Page *Page `msgpack:"page"`
	// Report asks for [ProbeAnswer.Report].
	Report bool `msgpack:"report"`
}

// Schema implements Message.
func (*Probe) Schema() Schema { return Schema{"probe", 1} }

// ProbeAnswer is how the call went: Poll.Error is ReasonNone when the API answered as the contract says.
type ProbeAnswer struct {
	Poll Poll `msgpack:"poll"`
	// Report is set if the probe asked for it and a call was made or prepared. A fetcher of an earlier version never
	// sets it.
	Report *ProbeReport `msgpack:"report"`
}

// Schema implements Message.
func (*ProbeAnswer) Schema() Schema { return Schema{"probe_answer", 1} }

// ProviderProbe asks a gateway to call an identity provider as a login would, on access.probe.<account>.
type ProviderProbe struct {
	Provider ID     `msgpack:"provider"`
	Issuer   string `msgpack:"issuer"`
	TokenURL string `msgpack:"token_url"`
	CertsURL string `msgpack:"certs_url"`
	// Complete reports whether the provider has every endpoint set, so that logins work without its discovery document.
	Complete bool `msgpack:"complete"`
	// SealedSecret is as in [IdentityProvider].
	SealedSecret []byte `msgpack:"sealed_secret"`
}

// Schema implements Message.
func (*ProviderProbe) Schema() Schema { return Schema{"provider_probe", 1} }

// ProviderProbeAnswer is how the calls went. Failure is empty if logins can use the provider, else a short name of
// what failed; Detail then says what failed and what to do about it, in sentences of at most [MaxPollDetail] bytes.
type ProviderProbeAnswer struct {
	Failure string `msgpack:"failure"`
	Detail  string `msgpack:"detail"`
}

// Schema implements Message.
func (*ProviderProbeAnswer) Schema() Schema { return Schema{"provider_probe_answer", 1} }
