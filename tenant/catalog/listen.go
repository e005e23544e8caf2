package catalog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// ListenerName is the application_name of the connections of [Resolver.Listen].
const ListenerName = "bailiwick listen"

const (
	// beatEvery is how often a listener makes sure that it hears. It leaves room
	// in deafTTL for an answer that is late.
	beatEvery = 200 * time.Millisecond
	// beatTimeout is how long an answer may take. Long before, what was remembered
	// is not good any more.
	beatTimeout = 2 * time.Second
	// proofEvery is how often it also makes sure that it is told what others say.
	proofEvery = time.Minute

	connectTimeout = 5 * time.Second
	// A listener that has lost its connection tries again after these times, from
	// the first to the last. deafRetry is for one that is told nothing, which time
	// does not mend.
	soonRetry = 50 * time.Millisecond
	lateRetry = 5 * time.Second
	deafRetry = time.Minute
)

// errDeaf is for a connection on which LISTEN succeeds and nothing is ever heard.
var errDeaf = errors.New("LISTEN is lost on the way to PostgreSQL, as behind a pooler in transaction mode")

// errMute is for a second connection that can't be had, which says nothing about
// the first.
var errMute = errors.New("connect once more, to be heard")

// Listen hears of the changes of tenants until ctx ends, and forgets what they
// concern. url is a connection string of the runtime role that leads to PostgreSQL
// itself, or to a pooler in session mode. It connects again whenever it has to, and
// says in the log, once, whenever it begins or ceases to hear. While it does not
// hear, answers are good for half a second. It must be called once at most.
func (r *Resolver) Listen(ctx context.Context, url string, logger *slog.Logger) {
	r.listens.Store(true)
	state := ""
	say := func(now string) bool { changed := state != now; state = now; return changed }
	wait := soonRetry
	for {
		err := r.listen(ctx, url, func() {
			wait = soonRetry
			if say("hears") {
				logger.InfoContext(ctx, "changes of tenants are heard of")
			}
		})
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errDeaf):
			wait = deafRetry
			if say("deaf") {
				logger.WarnContext(ctx, "changes of tenants are not heard of, so that each is asked for twice a second; "+
					"set DATABASE_LISTEN_URL to a connection string that leads to PostgreSQL itself", "error", err.Error())
			}
		case say("lost"):
			logger.WarnContext(ctx, "changes of tenants are not heard of for now, so that each is asked for twice a second", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, lateRetry)
	}
}

// ear is one connection of a listener.
type ear struct {
	resolver *Resolver
	config   *pgconn.Config
	conn     *pgconn.PgConn
	// echo is a channel of its own, on which it talks to itself.
	echo  string
	echos int
}

// listen hears until something fails. ready is called once it does.
func (r *Resolver) listen(ctx context.Context, url string, ready func()) (err error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return errors.New("the connection string can't be read") // Its own error would quote the password.
	}
	e := &ear{resolver: r, config: &config.Config, echo: "bailiwick_echo_" + strings.ToLower(rand.Text())}
	e.config.RuntimeParams["application_name"] = ListenerName
	e.config.ConnectTimeout = connectTimeout
	e.config.OnNotification = e.heard
	if e.conn, err = pgconn.ConnectConfig(ctx, e.config); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
		defer cancel()
		err = errors.Join(err, e.conn.Close(ctx))
	}()
	if err := e.run(ctx, "LISTEN "+Channel+"; LISTEN "+e.echo); err != nil {
		return err
	}
	r.ForgetAll() // Of what has changed until here nobody has told.
	if err := e.prove(ctx); err != nil {
		return err
	}
	ready()
	return e.hear(ctx)
}

// hear waits for what others say, and makes sure now and then that it would hear it.
func (e *ear) hear(ctx context.Context) error {
	proven := time.Now()
	for ctx.Err() == nil {
		if err := e.await(ctx, time.Now().Add(beatEvery), -1); err != nil {
			return err
		}
		if err := e.beat(ctx); err != nil {
			return err
		}
		if time.Since(proven) < proofEvery {
			continue
		}
		proven = time.Now()
		if err := e.prove(ctx); err != nil && !errors.Is(err, errMute) {
			return err
		}
	}
	return ctx.Err()
}

// beat makes sure that the connection is there and listens still. The answer comes
// after all that was said before the question.
func (e *ear) beat(ctx context.Context) error {
	asked := now()
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	results, err := e.conn.Exec(ctx, "SELECT 1 FROM pg_catalog.pg_listening_channels() AS c WHERE c = '"+Channel+"'").ReadAll()
	switch {
	case err != nil:
		return err
	case len(results) != 1 || len(results[0].Rows) != 1:
		return errDeaf
	}
	e.resolver.heard.Store(asked)
	return nil
}

// prove says something to itself over another connection, and waits until that is
// heard. Behind a pooler LISTEN belongs to a connection of the pooler's, and what is
// said reaches nobody, or somebody else; over its own connection it might hear it
// nevertheless.
func (e *ear) prove(ctx context.Context) error {
	asked, before := now(), e.echos
	if err := e.speak(ctx); err != nil {
		return err
	}
	if err := e.await(ctx, time.Now().Add(beatTimeout), before+1); err != nil {
		return err
	}
	if e.echos == before {
		return errors.Join(errDeaf, e.run(ctx, "UNLISTEN *"))
	}
	e.resolver.heard.Store(asked)
	return nil
}

func (e *ear) speak(ctx context.Context) (err error) {
	config := e.config.Copy()
	config.OnNotification = nil
	other, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return errors.Join(errMute, err)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	_, err = other.Exec(ctx, "NOTIFY "+e.echo).ReadAll()
	return errors.Join(err, other.Close(ctx))
}

// await listens until a time, or until it has heard itself so many times.
func (e *ear) await(ctx context.Context, until time.Time, echos int) error {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	for ctx.Err() == nil && e.echos != echos {
		if err := e.conn.WaitForNotification(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// heard is told of each notification, by whichever call finds it on the connection.
func (e *ear) heard(_ *pgconn.PgConn, n *pgconn.Notification) {
	if n.Channel == e.echo {
		e.echos++
		return
	}
	id, err := tenant.ParseID(n.Payload)
	if err != nil { // Nobody of ours says this. To forget too much does no harm.
		e.resolver.ForgetAll()
		return
	}
	e.resolver.ForgetTenant(id)
}

func (e *ear) run(ctx context.Context, statements string) error {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	if _, err := e.conn.Exec(ctx, statements).ReadAll(); err != nil {
		return fmt.Errorf("%s: %w", statements, err)
	}
	return nil
}
