-- ListPlans returns the plans on offer, in the order of the price list.
-- name: ListPlans :many
SELECT name, title, description, monthly_price, currency, max_providers, max_users, finding_retention, features
FROM public.plans
WHERE listed
ORDER BY position, name;

-- GetPlan returns a plan that is on offer.
-- name: GetPlan :one
SELECT name, title, description, monthly_price, currency, max_providers, max_users, finding_retention, features
FROM public.plans
WHERE name = sqlc.arg('plan_name') AND listed;

-- GetTenantPlan returns what a tenant is subscribed to, and the plan itself,
-- which may be one that is not on offer any more.
-- name: GetTenantPlan :one
SELECT
    sqlc.embed(plans), subscriptions.state, subscriptions.seats, subscriptions.discount, subscriptions.trial_ends_on,
    subscriptions.current_period_start, subscriptions.current_period_end
FROM public.subscriptions
JOIN public.plans ON plans.name = subscriptions.plan
WHERE subscriptions.tenant_id = $1 AND subscriptions.state <> 'canceled';

-- GetRevenueByPlan sums the monthly price of the live subscriptions. A plan
-- without any has a revenue of zero and no first date.
-- name: GetRevenueByPlan :many
WITH live AS (
    SELECT
        s.plan,
        count(*) AS subscriptions,
        sum(s.seats) AS seats,
        sum(100 - s.discount) / 100 AS months,
        min(s.created_at)::timestamptz AS since
    FROM public.subscriptions s
    WHERE s.state IN ('active', 'past_due')
    GROUP BY s.plan
)
SELECT
    p.name,
    coalesce(live.subscriptions, 0)::bigint AS subscriptions,
    coalesce(live.seats, 0)::bigint AS seats,
    coalesce(p.monthly_price * live.months, 0)::numeric(14,2) AS revenue,
    live.since
FROM public.plans p
LEFT JOIN live ON live.plan = p.name
ORDER BY p.position, p.name;
