package zz

import (
	"context"
	"fmt"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/jackc/pgx/v5"
	"testing"
	"time"
)

func TestZ(t *testing.T) {
	in, _ := devpg.Start(t.Context(), devpg.Options{Name: "test"})
	c, _ := pgx.Connect(t.Context(), in.SuperURL("postgres"))
	c2, _ := pgx.Connect(t.Context(), in.SuperURL("postgres"))
	var tpl string
	c.QueryRow(t.Context(), "select datname from pg_database where datistemplate and datname like 'bw_template%' order by pg_database_size(oid) desc limit 1").Scan(&tpl)
	waits := map[string]int{}
	go func() {
		for {
			var e *string
			c2.QueryRow(context.Background(), "select state||':'||coalesce(wait_event,'cpu') from pg_stat_activity where pid=$1", c.PgConn().PID()).Scan(&e)
			if e != nil {
				waits[*e]++
			}
			time.Sleep(3 * time.Millisecond)
		}
	}()
	for _, s := range []string{"WAL_LOG", "FILE_COPY"} {
		var cr, dr time.Duration
		for i := range 12 {
			n := fmt.Sprint("zz", i)
			t0 := time.Now()
			if _, err := c.Exec(context.Background(), "CREATE DATABASE "+n+" TEMPLATE "+tpl+" STRATEGY "+s); err != nil {
				t.Fatal(err)
			}
			cr += time.Since(t0)
			t0 = time.Now()
			c.Exec(context.Background(), "DROP DATABASE "+n)
			dr += time.Since(t0)
		}
		t.Log(s, cr/12, dr/12, waits)
		clear(waits)
	}
}
