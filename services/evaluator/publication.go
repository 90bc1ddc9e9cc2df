package evaluator

import (
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/proto/entrysign"
	"plumbline.dev/services/evaluator/fold"
)

// publication is an entry as it is published.
type publication struct {
	payload []byte
	headers map[string][]string
	digest  string
}

// publish encodes and signs the entry of a step. prev is the digest of the page's newest entry, "" if there is none.
func publish(signer *entrysign.Signer, p topology.PageRef, step *fold.Step, prev string) (*publication, error) {
	payload, err := proto.Marshal(step.Entry)
	if err != nil {
		return nil, err
	}
	headers, schema := step.Entry.Headers(step.ChangedByCheck()), step.Entry.Schema().String()
	headers[proto.HeaderSchema] = []string{schema}
	signature, err := signer.Sign(
		entrysign.Header{Subject: topology.Log(p), Tick: step.Entry.Tick, Prev: prev, Schema: schema}, headers, payload)
	if err != nil {
		return nil, err
	}
	headers[proto.HeaderSignature] = []string{signature}
	return &publication{payload: payload, headers: headers, digest: entrysign.Digest(payload)}, nil
}
