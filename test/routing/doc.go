// Package routing holds the test of how soon several servers of one database refuse
// a tenant that was suspended: three processes, each a whole service, with what
// tells them of changes in place, cut off, frozen, and behind a pooler. It also holds
// that of custom domains behind Caddy, set up as docs/tasks/custom-domains.md says.
//
// The processes are the test's own binary, started anew.
package routing
