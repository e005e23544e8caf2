// Package crash kills rollouts. Its test starts processes that work on a
// rollout, two at a time, ends them with SIGKILL at random moments, restarts
// PostgreSQL between, and then looks at what became of every tenant.
//
// It holds tests only.
package crash
