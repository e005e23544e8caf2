// Package attack holds the tests that run the suite of package tenant/attack
// against the built reference service, over HTTP and at the database, and against
// builds that were broken on purpose, which the suite must find out.
package attack
