package openapi

// Unsupported is the schema of x_unsupported: what a resource has that is kept and not served.
var Unsupported = List(Text()).Describe("what of it this build keeps and does not do")
