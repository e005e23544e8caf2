// Package history takes the reference service through ten versions of its
// schema, on two hundred tenants and with clients that never stop asking: tables
// and columns come, one is renamed and one table split in steps, values are
// filled in, releases follow each other and run side by side. All is done as
// people do it, by the real tool and the real servers.
//
// It holds tests only. They import the standard library, pgx, google/uuid, the
// packages below tenant/ and those of the schema.
package history
