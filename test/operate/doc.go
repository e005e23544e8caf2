// Package operate holds the test of what stands beside the tenants' API: the real
// server as processes of its own on one database, with mail that goes to a server
// of the test. People sign up, workers make their tenants and are killed in the
// middle, operators operate, and nobody else does.
package operate
