package operator

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// api answers the operations of the document.
type api struct{ catalog *catalog.Catalog }

func (a *api) operations() map[string]operation {
	return map[string]operation{
		"listTenants":    a.listTenants,
		"createTenant":   a.createTenant,
		"getTenant":      a.getTenant,
		"renameTenant":   a.rename,
		"setTenantName":  a.setName,
		"setTenantPlan":  a.setPlan,
		"suspendTenant":  a.suspend,
		"resumeTenant":   a.resume,
		"offboardTenant": a.offboard,
		"restoreTenant":  a.restore,
		"purgeTenant":    a.purge,
		"listDomains":    a.listDomains,
		"addDomain":      a.addDomain,
		"verifyDomain":   a.verifyDomain,
		"removeDomain":   a.removeDomain,
		"listIssuers":    a.listIssuers,
		"addIssuer":      a.addIssuer,
		"removeIssuer":   a.removeIssuer,
		"listAudit":      a.listAudit,
		"examine":        a.examine,
		"mend":           a.mend,
	}
}

// ref is the tenant that a text names. No new slug has the form of an id; a tenant
// that has such a slug from before is named by its own id.
func ref(text string) catalog.Ref {
	if id, err := tenant.ParseID(text); err == nil {
		return catalog.Ref{ID: id}
	}
	return catalog.Ref{Slug: text}
}

// one is the answer about one tenant, whose ETag is that of the whole record.
func one(ctx context.Context, status int, r catalog.Record) (answer, error) {
	if err := rest.SetETag(ctx, r); err != nil {
		return answer{}, fmt.Errorf("answer with tenant %s: %w", r.Slug, err)
	}
	return answer{status, r}, nil
}

// meant is the tenant that the path names, unless it is not any more what If-Match
// says: then it is no tenant that anything is to be done to.
func (a *api) meant(r *http.Request) (meant catalog.Ref, now catalog.Record, err error) {
	now, err = a.catalog.Find(r.Context(), ref(r.PathValue("tenant")))
	if err != nil {
		return meant, now, err
	}
	condition := r.Header.Get("If-Match")
	if err := rest.IfMatch(condition, now); err != nil {
		return meant, now, err
	}
	meant.ID = now.ID
	if condition != "" && condition != "*" {
		meant.Revision = now.Revision
	}
	return meant, now, nil
}

// step takes a step in the life of the tenant that the path names, unless that is
// not any more what If-Match says.
func (a *api) step(r *http.Request, take func(ctx context.Context, ref catalog.Ref, now catalog.Record) (catalog.Record, error)) (answer, error) {
	ctx := r.Context()
	meant, now, err := a.meant(r)
	if err != nil {
		return answer{}, err
	}
	after, err := take(ctx, meant, now)
	if err != nil {
		return answer{}, err
	}
	return one(ctx, http.StatusOK, after)
}

func (a *api) listTenants(r *http.Request) (answer, error) {
	query := r.URL.Query()
	limit, err := strconv.Atoi(query.Get("limit"))
	if err != nil {
		return answer{}, unreadable("limit", err)
	}
	records, err := a.catalog.Page(r.Context(), catalog.Page{State: query.Get("state"), After: query.Get("after"), Limit: limit + 1})
	if err != nil {
		return answer{}, err
	}
	page := struct {
		Items     []catalog.Record `json:"items"`
		NextAfter *string          `json:"next_after"`
	}{Items: records[:min(limit, len(records))]}
	if len(records) > limit { // There is another page.
		page.NextAfter = &records[limit-1].Slug
	}
	return answer{http.StatusOK, page}, nil
}

func (a *api) getTenant(r *http.Request) (answer, error) {
	found, err := a.catalog.Find(r.Context(), ref(r.PathValue("tenant")))
	if err != nil {
		return answer{}, err
	}
	return one(r.Context(), http.StatusOK, found)
}

// createTenant makes a tenant. An operator's idempotency keys are the operator's own.
func (a *api) createTenant(r *http.Request) (answer, error) {
	body, err := read[struct {
		Slug, Name, Plan string
		OwnerEmail       string `json:"owner_email"`
	}](r)
	if err != nil {
		return answer{}, err
	}
	ctx := r.Context()
	params := catalog.CreateParams{Slug: body.Slug, Name: body.Name, Plan: body.Plan, OwnerEmail: body.OwnerEmail}
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		params.Key = rest.Subject(ctx) + ":" + key
	}
	made, err := a.catalog.Create(ctx, params)
	if err != nil {
		return answer{}, err
	}
	record, err := a.catalog.Find(ctx, catalog.Ref{ID: made.ID})
	if err != nil {
		return answer{}, err
	}
	rest.Header(ctx).Set("Location", "/v1/tenants/"+made.ID.String())
	return one(ctx, http.StatusCreated, record)
}

func (a *api) rename(r *http.Request) (answer, error) {
	body, err := read[struct{ Slug string }](r)
	if err != nil {
		return answer{}, err
	}
	return a.step(r, func(ctx context.Context, ref catalog.Ref, _ catalog.Record) (catalog.Record, error) {
		return a.catalog.Rename(ctx, ref, body.Slug)
	})
}

func (a *api) setName(r *http.Request) (answer, error) {
	body, err := read[struct{ Name string }](r)
	if err != nil {
		return answer{}, err
	}
	return a.step(r, func(ctx context.Context, ref catalog.Ref, _ catalog.Record) (catalog.Record, error) {
		return a.catalog.SetName(ctx, ref, body.Name)
	})
}

func (a *api) setPlan(r *http.Request) (answer, error) {
	body, err := read[struct{ Plan string }](r)
	if err != nil {
		return answer{}, err
	}
	return a.step(r, func(ctx context.Context, ref catalog.Ref, _ catalog.Record) (catalog.Record, error) {
		return a.catalog.SetPlan(ctx, ref, body.Plan)
	})
}

func (a *api) suspend(r *http.Request) (answer, error) {
	body, err := read[struct{ Reason string }](r)
	if err != nil {
		return answer{}, err
	}
	return a.step(r, func(ctx context.Context, ref catalog.Ref, _ catalog.Record) (catalog.Record, error) {
		return a.catalog.Suspend(ctx, ref, body.Reason)
	})
}

func (a *api) resume(r *http.Request) (answer, error) {
	return a.step(r, func(ctx context.Context, ref catalog.Ref, _ catalog.Record) (catalog.Record, error) {
		return a.catalog.Resume(ctx, ref)
	})
}

func (a *api) offboard(r *http.Request) (answer, error) {
	body, err := read[struct {
		Reason    string
		GraceDays int `json:"grace_days"`
	}](r)
	if err != nil {
		return answer{}, err
	}
	const day = 24 * time.Hour
	return a.step(r, func(ctx context.Context, ref catalog.Ref, _ catalog.Record) (catalog.Record, error) {
		return a.catalog.Offboard(ctx, ref, catalog.OffboardParams{Grace: time.Duration(body.GraceDays) * day, Reason: body.Reason})
	})
}

func (a *api) restore(r *http.Request) (answer, error) {
	return a.step(r, func(ctx context.Context, ref catalog.Ref, _ catalog.Record) (catalog.Record, error) {
		return a.catalog.Restore(ctx, ref)
	})
}

// purge wants the slug once more: there is no way back.
func (a *api) purge(r *http.Request) (answer, error) {
	body, err := read[struct {
		Confirm string
		Early   bool
	}](r)
	if err != nil {
		return answer{}, err
	}
	return a.step(r, func(ctx context.Context, ref catalog.Ref, now catalog.Record) (catalog.Record, error) {
		if body.Confirm != now.Slug {
			return catalog.Record{}, invalid("confirm", "is not the slug of the tenant")
		}
		ref.Revision = now.Revision // What was confirmed is this tenant under this slug.
		return a.catalog.Purge(ctx, ref, catalog.PurgeParams{Early: body.Early})
	})
}
