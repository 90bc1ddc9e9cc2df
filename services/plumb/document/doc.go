// Package document reads and writes the files that plumb apply takes: YAML or JSON documents, each of them
// one resource by its kind and name. It also shows what the control plane says, which is JSON, as YAML.
package document
