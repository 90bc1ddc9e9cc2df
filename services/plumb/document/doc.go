// Package document reads and writes the files of plumb apply: YAML or JSON documents, each describing one
// resource. It also converts JSON to YAML.
package document
