// Command sample is a scoring API to poll, as a user would write one.
package main

import (
	"os"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/sample"
)

func main() {
	var flags struct {
		cli.Process
		SampleAddr   string        `default:"127.0.0.1:8402" help:"Where the API listens."`
		TeamDomain   string        `default:"http://127.0.0.1:8401" help:"Issuer of the application tokens that are accepted."`
		CertsURL     string        `name:"certs-url" help:"Where the issuer's public keys are; without it, /cdn-cgi/access/certs of the team domain." placeholder:"URL"`
		Audience     string        `help:"AUD of the application that protects the API." placeholder:"AUD"`
		AudiencePath string        `type:"path" help:"File that the AUD is read from, now and whenever it changes; it need not be there yet." placeholder:"PATH"`
		Latency      time.Duration `help:"How long each answer takes in addition." placeholder:"DURATION"`
		Missing      float64       `default:"0.004" help:"Share of devices that the API does not know, 0 to 1."`
	}
	os.Exit(cli.Standalone("sample", "A scoring API to poll: checks the application token, and answers with scores that drift.", &flags, &flags.Process,
		func(h cli.Host) (cli.Part, error) {
			return sample.New(sample.Config{Addr: flags.SampleAddr, Issuer: flags.TeamDomain, CertsURL: flags.CertsURL, Audience: flags.Audience,
				AudiencePath: flags.AudiencePath, Latency: flags.Latency, Missing: flags.Missing},
				sample.Deps{Log: h.Log, Metrics: h.Metrics, Clock: h.Clock})
		}))
}
