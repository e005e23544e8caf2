package attack

// elsewhere are attacks that nobody can try at a service from outside, and what
// holds them instead.
var elsewhere = []struct {
	attack       int
	name, reason string
}{
	{29, "a backup of one tenant", "there is no backup of one tenant yet"},
	{30, "a hostile archive", "there is no restore from an archive yet"},
	{36, "a rollout that is killed", "would change schemas: the crash tests do"},
	{37, "a change that touches public or another tenant", "is refused before it reaches a database: bailiwick lint and plan"},
	{39, "many tenants dropped at once", "would purge tenants: the benchmarks do"},
	{40, "analytics across tenants", "there are none yet"},
	{43, "linkname, unsafe, packages below gen/", "is refused before it runs: bailiwick vet; the database's roles hold as tried in 15, 22 and 23"},
}

func (c *campaign) untried() {
	for _, a := range elsewhere {
		c.skip(a.attack, a.name, a.reason)
	}
}
