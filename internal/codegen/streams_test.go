package codegen_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	streams "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/streams/gen/api"
	streamhandlers "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/streams/gen/handlers"
	streamdb "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/streams/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// readings are the hand-written operations of the golden project streams.
type readings struct{}

const readingsAtOnce = 500

// IngestReadings stores the lines as they come in, in one transaction.
func (readings) IngestReadings(ctx context.Context, q *streamdb.Queries, req streams.IngestReadingsRequestObject) (streams.IngestReadingsResponseObject, error) {
	var answer streams.IngestReadings200JSONResponse
	err := q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *streamdb.Queries) error {
		var rows []streamdb.StoreReadingsParams
		store := func() error {
			n, err := tx.StoreReadings(ctx, rows)
			answer.Stored += n
			rows = rows[:0]
			return err
		}
		for r, err := range rest.Lines[streams.NewReading](ctx, req.Body) {
			if err != nil {
				return err
			}
			rows = append(rows, streamdb.StoreReadingsParams{Sensor: r.Sensor, Value: r.Value, Unit: *r.Unit})
			if len(rows) == readingsAtOnce {
				if err := store(); err != nil {
					return err
				}
			}
		}
		return store()
	})
	return answer, err
}

// ExportReadings reads while the response is being written.
func (readings) ExportReadings(ctx context.Context, q *streamdb.Queries, _ streams.ExportReadingsRequestObject) (streams.ExportReadingsResponseObject, error) {
	return streams.ExportReadings200ApplicationxNdjsonResponse{Body: rest.Stream(func(w io.Writer) error {
		out := json.NewEncoder(w)
		for last := int64(0); ; {
			rows, err := q.ListReadings(ctx, streamdb.ListReadingsParams{ID: last, Limit: readingsAtOnce})
			if err != nil || len(rows) == 0 {
				return err
			}
			for _, r := range rows {
				if err := out.Encode(streams.NewReading{Sensor: r.Sensor, Value: r.Value, Unit: &r.Unit}); err != nil {
					return err
				}
				last = r.ID
			}
		}
	})}, nil
}

// TestStreams stores lines all or none, and reads them after the handler has returned.
func TestStreams(t *testing.T) {
	t.Parallel()
	s := serve(t, "streams", "", func(db *tenant.DB, o rest.Options) (http.Handler, error) {
		return streamhandlers.New(streamhandlers.Config{DB: db, Options: o, Custom: readings{}})
	})
	lines := s.with("application/x-ndjson")
	const count = 3*readingsAtOnce + 1
	var body, want strings.Builder
	for i := range count {
		fmt.Fprintf(&body, "{\"sensor\": \"s\", \"value\": %d}\n", i)
		fmt.Fprintf(&want, "{\"sensor\":\"s\",\"unit\":\"K\",\"value\":%d}\n", i)
	}
	empty := func(when string) {
		t.Helper()
		if got := s.call(t, http.MethodGet, "/readings", nil, http.StatusOK); got != "" {
			t.Errorf("%s: %d bytes are stored", when, len(got))
		}
	}
	lines.call(t, http.MethodPost, "/readings", strings.NewReader(body.String()+`{"sensor": "", "value": 1}`), http.StatusUnprocessableEntity)
	empty("a wrong line")
	lines.call(t, http.MethodPost, "/readings", strings.NewReader(body.String()+`{`), http.StatusBadRequest)
	empty("a line that can't be read")
	broken, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/readings",
		io.MultiReader(strings.NewReader(body.String()), failing{}))
	check(t, err)
	broken.Header.Set("Content-Type", "application/x-ndjson")
	if res, err := http.DefaultClient.Do(broken); err == nil {
		t.Errorf("a broken upload: %d", res.StatusCode)
		res.Body.Close()
	}
	empty("a broken upload")
	s.call(t, http.MethodPost, "/readings", strings.NewReader("{}"), http.StatusUnsupportedMediaType)

	lines.want(t, http.MethodPost, "/readings", body.String(), http.StatusOK, fmt.Sprintf(`{"stored": %d}`, count))
	if diff := cmp.Diff(want.String(), s.call(t, http.MethodGet, "/readings", nil, http.StatusOK)); diff != "" {
		t.Error(diff)
	}
	if got := s.call(t, http.MethodHead, "/readings", nil, http.StatusOK); got != "" {
		t.Errorf("HEAD has the body %q", got)
	}
}

// failing is the end of a body whose sender has gone.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }
