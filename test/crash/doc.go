// Package crash kills processes. One test starts processes that work on a rollout,
// two at a time, ends them with SIGKILL at random moments, restarts PostgreSQL
// between, and then looks at what became of every tenant. Another one stands
// between a process and PostgreSQL, counts what it sends, and kills it at each
// step of creating, renaming, offboarding and purging a tenant.
//
// It holds tests only.
package crash
