// Package blackbox holds the test of the real binary: server is built, started
// as a process of its own with an embedded PostgreSQL and two demo tenants, and
// spoken to over HTTP. What is sent and what must come back is derived from
// openapi.yaml wherever the document says it; scenario_test.go is the one place
// that knows the API, and the test fails when an operation is missing there.
//
// The tests import the standard library and kin-openapi, and of this module only
// tenant/devauth and tenant, to sign tokens of demo users: they know what a
// client knows.
package blackbox
