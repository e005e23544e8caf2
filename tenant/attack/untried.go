package attack

// elsewhere are attacks that nobody can try at a service from outside, and what
// holds them instead.
var elsewhere = []struct {
	attack       int
	name, reason string
}{
	{18, "schemas of different versions", "would change schemas: tenanttest.Isolation tries it on a database of its own"},
	{29, "a backup of one tenant", "there is no backup of one tenant yet"},
	{30, "a hostile archive", "there is no restore from an archive yet"},
	{31, "a crash at each step of a creation", "would kill the service: the crash tests do"},
	{33, "a slug that is used again", "would purge a tenant: the tests of the registry do"},
	{34, "requests during drop, rename, move, restore", "would need load and a time: the tests of the registry and of rollouts do"},
	{35, "code and schema of different releases", "would need another release: the history's test runs ten under load"},
	{36, "a rollout that is killed", "would change schemas: the crash tests do"},
	{37, "a change that touches public or another tenant", "is refused before it reaches a database: bailiwick lint and plan"},
	{38, "a hog", "timeouts are tried as attack 13; load is no matter of right and wrong"},
	{39, "many tenants dropped at once", "would purge tenants: the benchmarks do"},
	{40, "analytics across tenants", "there are none yet"},
	{43, "linkname, unsafe, packages below gen/", "is refused before it runs: bailiwick vet; the database's roles hold as tried in 15, 22 and 23"},
}

func (c *campaign) untried() {
	for _, a := range elsewhere {
		c.skip(a.attack, a.name, a.reason)
	}
}
