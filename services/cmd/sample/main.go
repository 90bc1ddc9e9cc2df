// Command sample is an example of a scoring API.
package main

import (
	"os"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/flags"
	"plumbline.dev/services/sample"
)

func main() {
	var args struct {
		cli.Process
		flags.SampleAddr
		flags.TeamDomain
		CertsURL     string        `name:"certs-url" help:"URL of the issuer's public keys. Default: /cdn-cgi/access/certs of the team domain." placeholder:"URL"`
		Audience     string        `help:"AUD of the application that protects the API." placeholder:"AUD"`
		AudiencePath string        `type:"path" help:"File with the AUD; it may be created later and is reloaded when it changes." placeholder:"PATH"`
		Latency      time.Duration `help:"Extra delay of each response." placeholder:"DURATION"`
		Missing      float64       `default:"0.004" help:"Share of devices that the API does not know, 0 to 1."`
	}
	const about = "A sample scoring API: verifies the application token and returns scores that drift."
	os.Exit(cli.Standalone("sample", about, &args, &args.Process, func(h cli.Host) (cli.Part, error) {
		return sample.New(sample.Config{Addr: args.SampleAddr.SampleAddr, Issuer: args.TeamDomain.TeamDomain,
			CertsURL: args.CertsURL, Audience: args.Audience, AudiencePath: args.AudiencePath, Latency: args.Latency,
			Missing: args.Missing}, sample.Deps{Log: h.Log, Metrics: h.Metrics, Clock: h.Clock})
	}))
}
