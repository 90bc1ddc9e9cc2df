package openapi

// Unsupported is the schema of x_unsupported, the features of a resource that are stored but not supported.
var Unsupported = List(Text()).Describe("Features of the resource that are stored but not supported.")
