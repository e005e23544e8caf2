-- The rows that the shared schema starts with. It runs again whenever this file
-- has changed, so it brings rows that exist up to date.
INSERT INTO public.priorities (name, rank, respond_within) VALUES
    ('urgent', 1, '1 hour'),
    ('normal', 2, '1 day'),
    ('low', 3, '7 days')
ON CONFLICT (name) DO UPDATE SET rank = excluded.rank, respond_within = excluded.respond_within;
