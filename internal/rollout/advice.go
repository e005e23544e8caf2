package rollout

import (
	"cmp"

	"github.com/jackc/pgx/v5/pgconn"
)

// advice is what usually helps, by SQLSTATE.
var advice = map[string]string{
	"23502": "rows have no value there: fill them, then resume; or write a plan file with a backfill, and then `bailiwick schema apply --abandon`",
	"23503": "rows refer to rows that are not there: mend them, then resume",
	"23505": "rows are equal where they must differ: mend them, then resume",
	"23514": "rows break the new condition: mend them, then resume",
	"22001": "values are longer than the new type: shorten them, then resume",
	"2BP01": "something depends on it that is not in the desired state: `bailiwick schema drift` names it; drop it, then resume",
	"42P01": "something is missing that the plan was made with: `bailiwick schema drift` tells what",
	"42703": "something is missing that the plan was made with: `bailiwick schema drift` tells what",
	"42701": "it is there already: `bailiwick schema drift` tells what else was changed by hand",
	"42P07": "it is there already: `bailiwick schema drift` tells what else was changed by hand",
	"42501": "the owner role does not own it: give it to the owner role, then resume",
	"55P03": "others held the lock all the time: pg_stat_activity and pg_locks tell who; then resume",
	"40P01": "others and the rollout wait for each other: pg_stat_activity tells who; then resume",
	"57014": "the statement took too long: resume with a longer --statement-timeout, or make it a backfill in a plan file",
	"53100": "the disk is full: make room, then resume",
	"53200": "the server is out of memory or of locks: resume with a lower --parallel",
	"55006": "the table is in use: its triggers or cursors have to end first; then resume",
}

// adviceOn says what to do about an error: what PostgreSQL says itself, if it does.
func adviceOn(pg *pgconn.PgError) string {
	if known := advice[pg.Code]; known != "" {
		return known
	}
	return cmp.Or(pg.Hint, "mend what it says, then `bailiwick schema resume`")
}
